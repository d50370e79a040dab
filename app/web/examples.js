/**
 * Movements to begin with, for a visitor who has drawn nothing yet.
 *
 * @import {Keyframe, Query} from "./types.js"
 * @import {Store} from "./store.js"
 */

import { css, dotColour, isDark } from "./colour.js";
import { durationOf, smoothAt } from "./geometry.js";
import { byId, element, svg } from "./text.js";

/** Their lines take an hour, or most of one. */
const STRETCH = 20;
/** Rows are thirds of a minute, valence, arousal. @type {{name: string, note: string, keyframes: Keyframe[]}[]} */
export const EXAMPLES = [
  { name: "Slow sunrise", note: "from sleepy to joyful", rows: [[0, -0.45, -0.72], [50, -0.15, -0.62], [95, 0.12, -0.1], [140, 0.4, 0.42], [180, 0.72, 0.58]] },
  { name: "Storm, then calm", note: "anger that settles", rows: [[0, -0.62, 0.82], [50, -0.5, 0.45], [90, -0.05, -0.1], [130, 0.3, -0.55], [180, 0.6, -0.7]] },
  { name: "Into the night", note: "the energy goes out", rows: [[0, 0.55, 0.7], [60, 0.35, 0.15], [120, -0.1, -0.35], [180, -0.2, -0.85]] },
  { name: "There and back", note: "a full turn of the circle", rows: [[0, -0.55, -0.5], [45, -0.6, 0.45], [90, 0.2, 0.75], [130, 0.75, 0.1], [165, 0.3, -0.6], [180, -0.1, -0.72]] },
].map(({ name, note, rows }) => ({
  name,
  note,
  keyframes: rows.map(([t, valence, arousal]) => ({ t: STRETCH * t, valence, arousal })),
}));

export class Examples {
  /** @param {Store} store @param {{ask: (query: Query) => void}} outside */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.fill();
    store.on(["preview"], ({ preview }) => this.mark(preview));
  }

  /** Make the pictures, in the colours of the present theme. */
  fill() {
    const { store, outside } = this;
    const buttons = EXAMPLES.map(({ name, note, keyframes }) => {
      const preview = () => store.set({ preview: keyframes });
      return element("button", {
        class: "example", type: "button", onclick: () => outside.ask({ kind: "curve", keyframes }),
        onpointerenter: preview, onfocus: preview,
      }, thumbnail(keyframes), element("span", {}, name, element("small", {}, note)));
    });
    byId("examples").replaceChildren(...buttons);
    this.mark(store.state.preview);
  }

  /** Show which one is looked at: its line is on the plane, its tracks stand below. @param {?Keyframe[]} preview */
  mark(preview) {
    const at = Math.max(0, EXAMPLES.findIndex(({ keyframes }) => keyframes === preview));
    [...byId("examples").children].forEach((node, index) => node.classList.toggle("example--shown", index === at));
    byId("sample-title").textContent = `“${EXAMPLES[at].name}” in this library`;
  }
}

/** A movement as a little picture. @param {Keyframe[]} frames */
function thumbnail(frames) {
  const end = durationOf(frames);
  const marks = Array.from({ length: 29 }, (_, i) => smoothAt(frames, (end * i) / 28)).map((at, i) =>
    svg("circle", {
      cx: (22 + 17 * at.valence).toFixed(1), cy: (22 - 17 * at.arousal).toFixed(1), r: (1.1 + (1.7 * i) / 28).toFixed(2),
      fill: css(dotColour(at.valence, at.arousal, isDark())),
    }));
  return svg("svg", { width: 44, height: 44, viewBox: "0 0 44 44", "aria-hidden": "true", class: "thumb" },
    svg("circle", { cx: 22, cy: 22, r: 21.5, class: "thumb__ring" }), ...marks);
}
