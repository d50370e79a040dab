/**
 * The name of the dot under the pointer.
 *
 * @import {Item, Track} from "./types.js"
 * @import {Store} from "./store.js"
 * @import {Plane} from "./plane.js"
 */

import { clamp } from "./geometry.js";
import { byId, clock, creditOf, element, segmentLine, titleOf } from "./text.js";

const PAUSE_MS = 40;

export class Pointed {
  /** @param {Store} store @param {Plane} plane @param {(id: number) => Promise<Track>} fetchTrack */
  constructor(store, plane, fetchTrack) {
    this.store = store;
    this.plane = plane;
    this.fetchTrack = fetchTrack;
    this.label = byId("label");
    /** @type {Map<number, Track>} */
    this.known = new Map();
    store.on(["pointed", "drawing"], ({ pointed, drawing }) => this.show(drawing ? null : pointed));
    store.on(["map"], () => this.known.clear());
    // Another question: what the old one said of a track is no longer true.
    store.on(["query", "clip"], () => store.state.pointed !== null && !store.state.drawing && store.set({ pointed: null }));
    store.on(["items"], ({ pointed, drawing }) => this.label.hidden || this.show(drawing ? null : pointed));
  }

  /** @param {?number} id */
  show(id) {
    clearTimeout(this.timer);
    this.label.hidden = true;
    if (id === null) return;
    const item = this.plane.hits.find((other) => other.track.id === id);
    const known = item ? item.track : this.known.get(id);
    if (known) this.fill(id, known, item);
    else this.timer = window.setTimeout(() => this.learn(id), PAUSE_MS);
  }

  /** @param {number} id */
  async learn(id) {
    const found = await this.fetchTrack(id).catch(() => null);
    if (!found) return;
    this.known.set(id, found);
    if (this.store.state.pointed === id) this.fill(id, found);
  }

  /** @param {number} id @param {Track} track @param {Item} [item] */
  fill(id, track, item) {
    const at = this.plane.placeOfTrack(id);
    if (!at) return;
    const length = track.duration_s ? clock(track.duration_s) : "";
    const facts = item ? [item.reason, segmentLine(item)].filter(Boolean).join(" · ") : length;
    this.label.replaceChildren(
      element("strong", { dir: "auto" }, titleOf(track)),
      element("span", { dir: "auto" }, creditOf(track)),
      element("span", { class: "label__facts" }, facts),
    );
    this.label.hidden = false;
    const [x, y] = this.plane.place(at);
    const { width, height } = this.plane.frame;
    const left = clamp(x - this.label.offsetWidth / 2, 8, width - this.label.offsetWidth - 8);
    const above = y - this.label.offsetHeight - 16;
    const top = above > 8 ? above : Math.min(y + 18, height - this.label.offsetHeight - 8);
    this.label.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  }
}
