/**
 * Finding a track or an artist by name: a field in the masthead, and under it what it may mean. A
 * track that is looked at is shown on the plane; one that is chosen becomes the question.
 *
 * @import {Artist, Track} from "./types.js"
 * @import {Store} from "./store.js"
 */

import { findArtists, findTracks } from "./api.js";
import { clamp } from "./geometry.js";
import { takesAnother } from "./seeds.js";
import { byId, counted, creditOf, element, svg, titleOf } from "./text.js";

const PAUSE_MS = 120;
/** An answer that takes longer is waited for visibly. */
const PATIENCE_MS = 400;
const MOST = 8;
const MOST_ARTISTS = 3;

export class Find {
  /**
   * @param {Store} store
   * @param {{like: (track: Track) => void, likeToo: (track: Track) => void, byArtist: (name: string) => void, play: (id: number) => void, say: (text: string) => void}} outside
   */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.field = /** @type {HTMLInputElement} */ (byId("find"));
    this.list = byId("found");
    /** @type {(Track | Artist)[]} */
    this.found = [];
    this.at = -1;
    this.timer = 0;
    this.field.addEventListener("input", () => this.soon());
    this.field.addEventListener("focus", () => this.soon());
    this.field.addEventListener("blur", () => this.close());
    this.field.addEventListener("keydown", (event) => this.key(event));
    // The field keeps the focus while the list is used with a pointer.
    this.list.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => event.preventDefault());
    store.on(["connected"], ({ connected }) => connected && this.soon());
    store.on(["catalogue"], ({ catalogue }) => (byId("find-form").hidden = catalogue !== "ready"));
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.look(), PAUSE_MS);
  }

  async look() {
    const words = this.field.value.trim();
    if (!words || document.activeElement !== this.field) {
      this.close();
      return;
    }
    const patience = window.setTimeout(() => this.tell("Looking…"), PATIENCE_MS);
    try {
      const asked = Promise.all([findArtists(words, MOST_ARTISTS), findTracks(words, MOST + 1)]);
      const [artists, tracks] = await asked.finally(() => clearTimeout(patience));
      if (words === this.field.value.trim() && document.activeElement === this.field) this.show(words, artists, tracks);
    } catch (error) {
      if (document.activeElement === this.field) this.tell(/** @type {Error} */ (error).message);
    }
  }

  /** Artists whose names begin with the words stand before the tracks. @param {string} words @param {Artist[]} artists @param {Track[]} tracks */
  show(words, artists, tracks) {
    const begins = (/** @type {Artist} */ { name }) => folded(name).startsWith(folded(words));
    const shown = tracks.slice(0, MOST);
    this.found = [...artists.filter(begins), ...shown, ...artists.filter((artist) => !begins(artist))];
    this.at = -1;
    if (!this.found.length) {
      this.tell(`Nothing here is called “${words}”.`);
      return;
    }
    this.list.replaceChildren(...this.found.map((each, index) => ("name" in each ? this.artist(each, index) : this.track(each, index))));
    this.open(true);
    const more = tracks.length > MOST ? ", the first of more" : "";
    const names = artists.length ? `${counted(artists.length, "artist")}, ` : "";
    this.outside.say(`${names}${counted(shown.length, "track")}${more}`);
  }

  /** A sentence in place of tracks. @param {string} text */
  tell(text) {
    this.found = [];
    this.list.replaceChildren(element("li", { class: "found__none", role: "option", "aria-disabled": "true" }, text));
    this.open(true);
    this.outside.say(text);
  }

  /** @param {Artist} artist @param {number} index */
  artist({ name, tracks }, index) {
    const sign = svg("svg", { width: 18, height: 18, viewBox: "0 0 18 18", "aria-hidden": "true" },
      svg("circle", { cx: 9, cy: 6, r: 3 }), svg("path", { d: "M3.5 15.5c.6-3.4 2.6-5 5.5-5s4.9 1.6 5.5 5" }));
    return this.option(index, "found__artist", sign, name, `artist · ${counted(tracks, "track")}`);
  }

  /** @param {Track} track @param {number} index */
  track(track, index) {
    const play = element("span", { class: "found__play", title: "Play", "aria-hidden": "true" });
    play.addEventListener("click", (event) => {
      event.stopPropagation();
      this.outside.play(track.id);
    });
    const too = takesAnother(this.store.state) && element("span", { class: "icon found__too", title: "Like this too", "aria-hidden": "true" }, "+");
    if (too) {
      too.addEventListener("click", (event) => {
        event.stopPropagation();
        this.choose(index, this.outside.likeToo);
      });
    }
    return this.option(index, "", play, titleOf(track), creditOf(track) || track.path, too);
  }

  /** @param {number} index @param {string} kind @param {Element} sign @param {string} title @param {string} credit @param {Element | false} [more] */
  option(index, kind, sign, title, credit, more = false) {
    return element("li", {
      id: `found-${index}`, class: `found__track ${kind}`, role: "option", "aria-selected": "false",
      onclick: () => this.choose(index), onpointermove: () => this.at !== index && this.lookAt(index),
    }, sign, element("span", { class: "item__text" },
      element("span", { class: "item__title", dir: "auto" }, title),
      element("span", { class: "item__credit", dir: "auto" }, credit)), more);
  }

  /** Mark one, and show where on the plane it lies. @param {number} index */
  lookAt(index) {
    this.at = index;
    [...this.list.children].forEach((node, i) => node.setAttribute("aria-selected", String(i === index)));
    if (index < 0) this.field.removeAttribute("aria-activedescendant");
    else this.field.setAttribute("aria-activedescendant", `found-${index}`);
    const each = this.found[index];
    this.store.set({ pointed: each && "id" in each ? each.id : null });
  }

  /** @param {number} index @param {(track: Track) => void} [how] */
  choose(index, how = this.outside.like) {
    const each = this.found[index];
    this.field.value = "";
    this.field.blur();
    if ("name" in each) this.outside.byArtist(each.name);
    else how(each);
  }

  /** @param {number} index @param {KeyboardEvent} event */
  enter(index, { altKey, shiftKey }) {
    const each = this.found[index];
    if (shiftKey && "id" in each) this.outside.play(each.id);
    else this.choose(index, altKey && takesAnother(this.store.state) ? this.outside.likeToo : this.outside.like);
  }

  /** @param {boolean} open */
  open(open) {
    this.list.hidden = !open;
    this.field.setAttribute("aria-expanded", String(open && this.found.length > 0));
  }

  close() {
    clearTimeout(this.timer);
    if (this.at >= 0) this.store.set({ pointed: null });
    this.at = -1;
    this.field.removeAttribute("aria-activedescendant");
    this.open(false);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const open = !this.list.hidden && this.found.length > 0;
    if (step && open) this.lookAt(clamp(this.at + step, 0, this.found.length - 1));
    else if (event.key === "Enter" && open) this.enter(Math.max(0, this.at), event);
    else if (event.key === "Escape") {
      if (this.field.value) this.field.value = "";
      else this.field.blur();
      this.close();
    } else if (event.key !== "Enter" && !step) return;
    event.preventDefault();
  }
}

/** Letters that Unicode does not take apart; the service folds them alike (`model/folding.py`). */
const PLAIN = { ł: "l", ø: "o", đ: "d", ð: "d", þ: "th", ħ: "h", ŧ: "t", ŋ: "ng", ı: "i", ß: "ss", æ: "ae", œ: "oe" };

/** Without case, accents and strokes. @param {string} text */
function folded(text) {
  const plain = text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  return plain.replace(/[łøđðþħŧŋıßæœ]/g, (letter) => PLAIN[/** @type {keyof typeof PLAIN} */ (letter)]).normalize("NFC");
}
