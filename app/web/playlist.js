/**
 * The list at the side: the playlist, or the tracks most like a clip.
 *
 * @import {Item, Term} from "./types.js"
 * @import {State, Store} from "./store.js"
 */

import { Covers } from "./covers.js";
import { isListed, pathOf, toldOf } from "./link.js";
import { likeWords, takesAnother } from "./seeds.js";
import { row } from "./rows.js";
import { byId, capital, longTime, nearestWord, titleOf } from "./text.js";

/** Rows made while a line is drawn: those in view. The rest follow at its end. */
const WHILE_DRAWING = 24;
const COVER_PX = 96;

export class Playlist {
  /**
   * @param {Store} store
   * @param {{play: (item: Item) => void, say: (text: string) => void, undoable: (text: string, undo: () => void) => void, like: (item: Item) => void, likeToo: (item: Item) => void, narrow: (term: Term) => void}} outside
   */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.list = byId("items");
    /** @type {?number} Track whose reasons are shown. */
    this.opened = null;
    const covers = new Covers(COVER_PX);
    this.actions = {
      cover: (/** @type {Item} */ item) => covers.of(item.track.id),
      play: outside.play,
      like: outside.like,
      likeToo: outside.likeToo,
      narrow: outside.narrow,
      open: (/** @type {Item} */ item) => this.open(item),
      remove: (/** @type {Item} */ item) => this.remove(item),
      move: (/** @type {Item} */ item, /** @type {number} */ by) => this.move(item, this.shown.indexOf(item) + by),
      drag: (/** @type {PointerEvent} */ event, /** @type {Item} */ item) => this.drag(event, item),
    };
    this.list.addEventListener("pointerover", (/** @type {PointerEvent} */ e) => this.point(e.target));
    this.list.addEventListener("focusin", (/** @type {FocusEvent} */ e) => this.point(e.target));
    this.list.addEventListener("pointerleave", () => store.set({ pointed: null }));
    this.list.addEventListener("focusout", (/** @type {FocusEvent} */ e) => {
      if (!(e.relatedTarget instanceof Node && this.list.contains(e.relatedTarget))) store.set({ pointed: null });
    });
    store.on(["query"], () => (this.opened = null));
    store.on(["items", "clip", "uploading"], (state) => this.fill(state));
    store.on(["drawing"], (state) => state.drawing || this.fill(state));
    store.on(["query", "told", "likes", "moods", "clip", "map", "uploading", "catalogue"], (state) => this.title(state));
    store.on(["answer", "refusal", "items", "clip", "map", "told"], (state) => this.remark(state));
    store.on(["pointed", "playing"], (state) => this.mark(state));
  }

  /** What the list shows now. @returns {Item[]} */
  get shown() {
    const { clip, items } = this.store.state;
    return clip ? clip.answer.similar : items;
  }

  /** @param {State} state */
  title(state) {
    const browsing = state.query.kind === "browse";
    const idle = (state.query.kind === "none" || browsing) && !state.clip && !state.uploading;
    byId("browse").hidden = !browsing || Boolean(state.clip || state.uploading) || state.catalogue !== "ready";
    byId("ways").hidden = state.catalogue !== "ready";
    byId("start").hidden = !idle || state.catalogue !== "empty";
    byId("invitation").hidden = !idle || browsing || state.catalogue !== "ready";
    byId("heading").hidden = idle;
    byId("tools").hidden = idle || Boolean(state.clip || state.uploading);
    byId("tools").dataset.kind = state.query.kind;
    byId("heading").title = byId("heading").textContent = state.uploading ? `Listening to ${state.uploading}…` : headline(state);
    byId("journey").disabled = !pathOf(state.query, state.told);
    document.title = idle ? "Circumplex" : `${headline(state)} · Circumplex`;
  }

  /** @param {State} state */
  remark({ answer, refusal, items, clip, map, query, options, told }) {
    const node = byId("remark");
    node.classList.toggle("remark--wrong", answer === "refused" && !clip);
    if (clip) node.textContent = clip.answer.similar.length ? "The tracks most like it" : "Nothing is indexed to compare it with.";
    else if (query.kind === "none" || query.kind === "browse") node.textContent = "";
    else if (answer === "refused") node.textContent = refusal;
    else if (answer === "answered" && !items.length) node.textContent = nothing(query, options);
    else if (answer === "asking") node.textContent = "Looking for it…";
    else if (items.length) {
      const more = told?.total && told.total > items.length + options.excluded.length ? told.total : 0;
      const all = (more || map?.ids.length || items.length).toLocaleString("en");
      const first = more ? "The first " : "";
      node.textContent = `${first}${items.length} of ${all} tracks · ${longTime(playingTime(items))}`;
    }
    this.list.setAttribute("aria-busy", String(answer === "asking" && !clip));
  }

  /** @param {State} state */
  fill(state) {
    const items = this.shown;
    const kept = document.activeElement?.closest("[data-track]")?.getAttribute("data-track");
    const part = document.activeElement?.getAttribute("data-part");
    const most = state.drawing ? WHILE_DRAWING : items.length;
    const actions = { ...this.actions, ...(state.clip && { remove: null }), ...(!takesAnother(state) && { likeToo: null }) };
    const rows = items.slice(0, most).map((item, index) => row(item, index, item.track.id === this.opened, actions));
    this.list.replaceChildren(...rows);
    this.list.hidden = !rows.length;
    byId("foot").hidden = !items.length;
    byId("others").hidden = Boolean(state.clip) || isListed(state.query);
    byId("keep").hidden = !state.clip && isListed(state.query);
    this.mark(this.store.state);
    if (kept && part) this.list.querySelector(`[data-track="${kept}"] [data-part="${part}"]`)?.focus();
  }

  /** Show or hide the reasons of a row; one at a time. @param {Item} item */
  open(item) {
    this.opened = this.opened === item.track.id ? null : item.track.id;
    this.fill(this.store.state);
  }

  /** @param {Item} item @param {number} to */
  move(item, to) {
    const items = [...this.store.state.items];
    const from = items.indexOf(item);
    if (from < 0 || to < 0 || to >= items.length || to === from) return;
    items.splice(from, 1);
    items.splice(to, 0, item);
    this.store.set({ items, arranged: true });
    this.outside.say(`${titleOf(item.track)}, now number ${to + 1}`);
  }

  /** @param {PointerEvent} event @param {Item} item */
  drag(event, item) {
    event.preventDefault();
    const move = (/** @type {PointerEvent} */ e) => {
      const rows = [...this.list.children];
      const to = rows.findIndex((row) => e.clientY < row.getBoundingClientRect().bottom);
      this.move(item, to < 0 ? rows.length - 1 : to);
      this.list.querySelector(`[data-track="${item.track.id}"]`)?.classList.add("item--held");
    };
    const drop = () => {
      window.removeEventListener("pointermove", move);
      this.fill(this.store.state);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", drop, { once: true });
    window.addEventListener("pointercancel", drop, { once: true });
  }

  /** @param {Item} item */
  remove(item) {
    const { items, options } = this.store.state;
    const index = items.indexOf(item);
    const left = items.filter((other) => other !== item);
    this.store.set({
      items: left, arranged: true, options: { ...options, excluded: [...options.excluded, item.track.id] },
    });
    const text = `${titleOf(item.track)} removed`;
    this.outside.say(text);
    this.outside.undoable(text, () => this.bringBack(item, index));
    const next = this.list.children[Math.min(index, left.length - 1)];
    next?.querySelector('[data-part="remove"]')?.focus();
  }

  /** A removed item, where it was. @param {Item} item @param {number} index */
  bringBack(item, index) {
    const { items, options } = this.store.state;
    const excluded = options.excluded.filter((id) => id !== item.track.id);
    const here = items.some(({ track }) => track.id === item.track.id);
    this.store.set({ items: here ? items : items.toSpliced(index, 0, item), options: { ...options, excluded } });
    this.list.querySelector(`[data-track="${item.track.id}"] [data-part="remove"]`)?.focus();
  }

  /** @param {EventTarget | null} target */
  point(target) {
    const row = target instanceof Element ? target.closest("[data-track]") : null;
    if (row) this.store.set({ pointed: Number(row.getAttribute("data-track")) });
  }

  /** @param {State} state */
  mark({ pointed, playing }) {
    for (const row of this.list.children) {
      const id = Number(row.getAttribute("data-track"));
      row.classList.toggle("item--pointed", id === pointed);
      row.classList.toggle("item--playing", id === playing?.id);
      if (id === playing?.id) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }
}

/** Why nothing is left. @param {import("./types.js").Query} query @param {import("./types.js").Options} options */
function nothing(query, { excluded, terms }) {
  if (query.kind === "group" && !terms.length) return `No track of this library is ${query.of === "artist" ? "by this artist" : `in this ${query.of}`}.`;
  return excluded.length ? "No other track is left. Back leads to the ones before." : "No track passes these filters.";
}

/** How long it takes to play them through, seconds. @param {Item[]} items */
function playingTime(items) {
  return items.reduce((total, { segment }) => total + segment.end_s - segment.start_s, 0);
}

/** The question in words. @param {State} state @returns {string} */
export function headline(state) {
  const { query, clip, moods, told } = state;
  if (clip) return clip.name;
  if (query.kind === "mood") return capital(query.word);
  if (query.kind === "text") return capital(toldOf(query, told)?.understood?.words ?? query.text);
  if (query.kind === "track") return likeWords(query.ids, state.likes);
  if (query.kind === "group") return groupWords(query);
  if (query.kind === "station") return told?.name || "Station";
  if (query.kind !== "curve") return "";
  const words = query.keyframes.map((frame) => nearestWord(frame, moods));
  const [first, last] = [words[0], words[words.length - 1]];
  const path = pathOf(query, told);
  if (!first) return path ? "Your line" : "Your point";
  if (!path) return `Near ${first}`;
  const middle = words[Math.floor(words.length / 2)];
  if (first === last) return middle === first ? `Around ${first}` : `From ${first} by ${middle} and back`;
  return `From ${first} to ${last}`;
}

/** @param {import("./types.js").Query & {kind: "group"}} query */
function groupWords({ of, name }) {
  if (of === "artist") return `Music by ${name}`;
  if (of === "folder") return name.replace(/^\//, "");
  return of === "all" ? "All tracks" : name;
}
