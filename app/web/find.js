/**
 * Finding a track by its name: a field in the masthead, and under it the tracks it may mean. One that
 * is looked at is shown on the plane; one that is chosen becomes the question.
 *
 * @import {Track} from "./types.js"
 * @import {Store} from "./store.js"
 */

import { findTracks } from "./api.js";
import { clamp } from "./geometry.js";
import { takesAnother } from "./likes.js";
import { byId, creditOf, element, titleOf } from "./text.js";

const PAUSE_MS = 120;
/** An answer that takes longer is waited for visibly. */
const PATIENCE_MS = 400;
const MOST = 8;

export class Find {
  /**
   * @param {Store} store
   * @param {{like: (track: Track) => void, likeToo: (track: Track) => void, play: (id: number) => void, say: (text: string) => void}} outside
   */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.field = /** @type {HTMLInputElement} */ (byId("find"));
    this.list = byId("found");
    /** @type {Track[]} */
    this.tracks = [];
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
      const found = await findTracks(words).finally(() => clearTimeout(patience));
      if (words === this.field.value.trim() && document.activeElement === this.field) this.show(words, found);
    } catch (error) {
      if (document.activeElement === this.field) this.tell(/** @type {Error} */ (error).message);
    }
  }

  /** @param {string} words @param {Track[]} found */
  show(words, found) {
    this.tracks = ranked(found, words).slice(0, MOST);
    this.at = -1;
    if (!this.tracks.length) {
      this.tell(`Nothing here is called “${words}”.`);
      return;
    }
    this.list.replaceChildren(...this.tracks.map((track, index) => this.option(track, index)));
    this.open(true);
    const more = found.length > MOST ? ", the first of more" : "";
    this.outside.say(`${this.tracks.length} ${this.tracks.length === 1 ? "track" : "tracks"}${more}`);
  }

  /** A sentence in place of tracks. @param {string} text */
  tell(text) {
    this.tracks = [];
    this.list.replaceChildren(element("li", { class: "found__none", role: "option", "aria-disabled": "true" }, text));
    this.open(true);
    this.outside.say(text);
  }

  /** @param {Track} track @param {number} index */
  option(track, index) {
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
    return element("li", {
      id: `found-${index}`, class: "found__track", role: "option", "aria-selected": "false",
      onclick: () => this.choose(index), onpointermove: () => this.at !== index && this.lookAt(index),
    }, play, element("span", { class: "item__text" },
      element("span", { class: "item__title", dir: "auto" }, titleOf(track)),
      element("span", { class: "item__credit", dir: "auto" }, creditOf(track) || track.path)), too);
  }

  /** Mark one, and show where on the plane it lies. @param {number} index */
  lookAt(index) {
    this.at = index;
    [...this.list.children].forEach((node, i) => node.setAttribute("aria-selected", String(i === index)));
    if (index < 0) this.field.removeAttribute("aria-activedescendant");
    else this.field.setAttribute("aria-activedescendant", `found-${index}`);
    this.store.set({ pointed: this.tracks[index]?.id ?? null });
  }

  /** @param {number} index @param {(track: Track) => void} [how] */
  choose(index, how = this.outside.like) {
    const track = this.tracks[index];
    this.field.value = "";
    this.field.blur();
    how(track);
  }

  /** @param {boolean} open */
  open(open) {
    this.list.hidden = !open;
    this.field.setAttribute("aria-expanded", String(open && this.tracks.length > 0));
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
    const open = !this.list.hidden && this.tracks.length > 0;
    if (step && open) this.lookAt(clamp(this.at + step, 0, this.tracks.length - 1));
    else if (event.key === "Enter" && open && event.shiftKey) this.outside.play(this.tracks[Math.max(0, this.at)].id);
    else if (event.key === "Enter" && open) this.choose(Math.max(0, this.at), event.altKey && takesAnother(this.store.state) ? this.outside.likeToo : this.outside.like);
    else if (event.key === "Escape") {
      if (this.field.value) this.field.value = "";
      else this.field.blur();
      this.close();
    } else if (event.key !== "Enter" && !step) return;
    event.preventDefault();
  }
}

/** Titles that begin with the words first, then titles that hold them, then the rest. @param {Track[]} tracks @param {string} words */
function ranked(tracks, words) {
  const wanted = folded(words);
  const place = (/** @type {Track} */ track) => {
    const title = folded(titleOf(track));
    return title === wanted ? 0 : title.startsWith(wanted) ? 1 : title.includes(wanted) ? 2 : 3;
  };
  return [...tracks].sort((a, b) => place(a) - place(b));
}

/** Without case and accents. @param {string} text */
function folded(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}
