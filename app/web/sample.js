/**
 * A few tracks of the movement that is offered, so that a first look shows what a line gives.
 *
 * @import {Item, Keyframe} from "./types.js"
 * @import {State, Store} from "./store.js"
 */

import { playlist } from "./api.js";
import { Covers } from "./covers.js";
import { EXAMPLES } from "./examples.js";
import { defaultOptions } from "./link.js";
import { playButton, trackText } from "./rows.js";
import { byId, element } from "./text.js";

const TRACKS = 5;
const COVER_PX = 96;

export class Sample {
  /** @param {Store} store @param {{play: (item: Item) => void}} outside */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.list = byId("sample");
    this.covers = new Covers(COVER_PX);
    /** @type {Map<Keyframe[], Promise<Item[]>>} */
    this.known = new Map();
    this.list.addEventListener("pointerover", (/** @type {PointerEvent} */ e) => this.point(e.target));
    this.list.addEventListener("focusin", (/** @type {FocusEvent} */ e) => this.point(e.target));
    this.list.addEventListener("pointerleave", () => store.set({ pointed: null }));
    store.on(["map"], () => this.known.clear());
    store.on(["map", "preview", "query", "catalogue"], (state) => this.find(state));
    store.on(["sample"], (state) => this.fill(state));
    store.on(["playing", "pointed"], (state) => this.mark(state));
  }

  /** @param {State} state */
  async find({ map, preview, query, catalogue }) {
    if (!map || query.kind !== "none" || catalogue !== "ready") return;
    const frames = preview || EXAMPLES[0].keyframes;
    /** @type {import("./types.js").Options} */
    const options = { ...defaultOptions(), limit: TRACKS };
    const found = this.known.get(frames) || playlist({ kind: "curve", keyframes: frames }, options).then(({ items }) => items, () => []);
    this.known.set(frames, found);
    const sample = await found;
    const { state } = this.store;
    if ((state.preview || EXAMPLES[0].keyframes) === frames && state.map === map) this.store.set({ sample });
  }

  /** @param {State} state */
  fill({ sample }) {
    const held = [...this.list.children].findIndex((row) => row.contains(document.activeElement));
    this.list.replaceChildren(...sample.map((item, index) => {
      const play = () => this.outside.play(item);
      return element("li", { class: "item item--sample", "data-track": String(item.track.id) },
        playButton(item, String(index + 1), play, this.covers.of(item.track.id)), trackText(item, play));
    }));
    byId("sample-part").hidden = !sample.length;
    this.list.children[held]?.querySelector("button")?.focus();
    this.mark(this.store.state);
  }

  /** @param {State} state */
  mark({ playing, pointed }) {
    for (const row of this.list.children) {
      const id = Number(row.getAttribute("data-track"));
      row.classList.toggle("item--pointed", id === pointed);
      row.classList.toggle("item--playing", id === playing?.id);
    }
  }

  /** @param {EventTarget | null} target */
  point(target) {
    const row = target instanceof Element ? target.closest("[data-track]") : null;
    const id = row ? Number(row.getAttribute("data-track")) : null;
    if (id !== this.store.state.pointed) this.store.set({ pointed: id });
  }
}
