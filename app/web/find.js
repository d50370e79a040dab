/**
 * The one box: a field in the masthead, and under it what its words may mean. What is looked at is
 * shown on the plane; what is chosen becomes the question, or narrows it.
 *
 * @import {GroupKind, Query, Term, Track} from "./types.js"
 * @import {Store} from "./store.js"
 * @import {Entry} from "./found.js"
 */

import { creditOfEntry, foundFor, nameOf, placeOfEntry, termOfEntry } from "./found.js";
import { clamp } from "./geometry.js";
import { takesAnother } from "./seeds.js";
import { byId, counted, element, svg } from "./text.js";

const PAUSE_MS = 120;
/** An answer that takes longer is waited for visibly. */
const PATIENCE_MS = 400;

/** Pictures beside what is no track, 18 x 18. @type {Record<string, string[]>} */
const SIGNS = {
  feeling: ["M3 13c3-1 3-8 6.5-8 3 0 2.5 6 5.5 4"],
  phrase: ["M3 13c3-1 3-8 6.5-8 3 0 2.5 6 5.5 4"],
  artist: ["M9 3a3 3 0 1 1 0 6 3 3 0 0 1 0-6", "M3.5 15.5c.6-3.4 2.6-5 5.5-5s4.9 1.6 5.5 5"],
  album: ["M9 2.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13", "M9 7.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3"],
  genre: ["M3 9l6-6h6v6l-6 6z", "M12 5.9v.2"],
  term: ["M3 4h12l-4.7 5.6v4.9l-2.6-1.500V9.6z"],
};

export class Find {
  /**
   * @param {Store} store
   * @param {{ask: (query: Query) => void, like: (track: Track) => void, likeToo: (track: Track) => void,
   *   group: (of: GroupKind, name: string) => void, narrow: (term: Term) => void, play: (id: number) => void, say: (text: string) => void}} outside
   */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.field = /** @type {HTMLInputElement} */ (byId("find"));
    this.list = byId("found");
    /** @type {Entry[]} */
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
      const found = await foundFor(words).finally(() => clearTimeout(patience));
      if (words === this.field.value.trim() && document.activeElement === this.field) this.show(words, found);
    } catch (error) {
      if (document.activeElement === this.field) this.tell(/** @type {Error} */ (error).message);
    }
  }

  /** @param {string} words @param {{entries: Entry[], near: string[], more: boolean}} found */
  show(words, { entries, near, more }) {
    const alone = entries.every(({ kind }) => kind === "term");
    this.found = alone ? near.map((text) => /** @type {Entry} */ ({ kind: "phrase", text })) : entries;
    this.lookAt(-1);
    const options = this.found.map((entry, index) => this.option(entry, index));
    const nothing = `No feeling, and nothing here, is called “${words}”.${near.length ? " Near to it:" : ""}`;
    this.list.replaceChildren(...(alone ? [note(nothing)] : []), ...options);
    this.open(true);
    this.outside.say(alone ? nothing : `${counted(options.length, "suggestion")}${more ? ", and more tracks" : ""}`);
  }

  /** A sentence in place of suggestions. @param {string} text */
  tell(text) {
    this.found = [];
    this.list.replaceChildren(note(text));
    this.open(true);
    this.outside.say(text);
  }

  /** @param {Entry} entry @param {number} index */
  option(entry, index) {
    const kind = entry.kind === "group" ? entry.of : entry.kind;
    return element("li", {
      id: `found-${index}`, class: "found__track", role: "option", "aria-selected": "false", "data-kind": kind,
      onclick: () => this.choose(index), onpointermove: () => this.at !== index && this.lookAt(index),
    }, entry.kind === "track" ? this.playSign(entry.track) : sign(kind), element("span", { class: "item__text" },
      element("span", { class: "item__title", dir: "auto" }, nameOf(entry)),
      element("span", { class: "item__credit", dir: "auto" }, creditOfEntry(entry))), this.marks(entry, index));
  }

  /** @param {Track} track */
  playSign(track) {
    const play = element("span", { class: "found__play", title: "Play", "aria-hidden": "true" });
    play.addEventListener("click", (event) => {
      event.stopPropagation();
      this.outside.play(track.id);
    });
    return play;
  }

  /** Plus and minus, for the pointer; by keyboard Alt and Enter, with Shift for minus. @param {Entry} entry @param {number} index */
  marks(entry, index) {
    const mark = (/** @type {string} */ text, /** @type {string} */ title, /** @type {() => void} */ run) => {
      const node = element("span", { class: "icon found__too", title, "aria-hidden": "true" }, text);
      node.addEventListener("click", (event) => {
        event.stopPropagation();
        run();
      });
      return node;
    };
    const group = element("span", { class: "found__marks" });
    if (termOfEntry(entry)) {
      group.append(mark("+", "Only this", () => this.narrow(index, false)), mark("−", "Not this", () => this.narrow(index, true)));
    } else if (entry.kind === "track" && takesAnother(this.store.state)) {
      group.append(mark("+", "Like this too", () => this.done(() => this.outside.likeToo(entry.track))));
    }
    return group;
  }

  /** Mark one, and show where on the plane it lies. @param {number} index */
  lookAt(index) {
    this.at = index;
    for (const node of this.list.querySelectorAll("[role=option]")) node.setAttribute("aria-selected", String(node.id === `found-${index}`));
    if (index < 0) this.field.removeAttribute("aria-activedescendant");
    else this.field.setAttribute("aria-activedescendant", `found-${index}`);
    this.list.querySelector(`#found-${index}`)?.scrollIntoView({ block: "nearest" });
    const entry = this.found[index];
    this.store.set({ pointed: entry?.kind === "track" ? entry.track.id : null, hint: entry ? placeOfEntry(entry) : null });
  }

  /** Leave the box for the list. @param {() => void} run */
  done(run) {
    this.field.value = "";
    this.close();
    run();
    byId("list").focus({ preventScroll: true });
  }

  /** @param {number} index */
  choose(index) {
    const entry = this.found[index];
    if (entry.kind === "term") this.narrow(index, false);
    else if (entry.kind === "track") this.done(() => this.outside.like(entry.track));
    else if (entry.kind === "group") this.done(() => this.outside.group(entry.of, entry.group.name));
    else this.done(() => this.outside.ask({ kind: "text", text: entry.text }));
  }

  /** @param {number} index @param {boolean} not */
  narrow(index, not) {
    const term = termOfEntry(this.found[index]);
    if (term) this.done(() => this.outside.narrow({ ...term, not }));
  }

  /** @param {number} index @param {KeyboardEvent} event */
  enter(index, { altKey, shiftKey }) {
    const entry = this.found[index];
    if (altKey && termOfEntry(entry)) this.narrow(index, shiftKey);
    else if (shiftKey && entry.kind === "track") this.outside.play(entry.track.id);
    else if (altKey && entry.kind === "track" && takesAnother(this.store.state)) this.done(() => this.outside.likeToo(entry.track));
    else this.choose(index);
  }

  /** @param {boolean} open */
  open(open) {
    this.list.hidden = !open;
    this.field.setAttribute("aria-expanded", String(open && this.found.length > 0));
  }

  close() {
    clearTimeout(this.timer);
    if (this.at >= 0) this.lookAt(-1);
    this.open(false);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const open = !this.list.hidden && this.found.length > 0;
    if (step && open) this.lookAt(clamp(this.at + step, 0, this.found.length - 1));
    else if (event.key === "Enter" && open) this.enter(Math.max(0, this.at), event);
    else if (event.key === "Escape") {
      if (!this.list.hidden) this.close();
      else if (this.field.value) this.field.value = "";
      else byId("pad").focus();
    } else if (event.key !== "Enter" && !step) return;
    event.preventDefault();
  }
}

/** @param {string} text */
function note(text) {
  return element("li", { class: "found__none", role: "option", "aria-disabled": "true" }, text);
}

/** @param {string} kind */
function sign(kind) {
  const paths = SIGNS[kind].map((d) => svg("path", { d }));
  return svg("svg", { width: 18, height: 18, viewBox: "0 0 18 18", "aria-hidden": "true", class: "found__sign" }, ...paths);
}
