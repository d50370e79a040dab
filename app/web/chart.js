/**
 * Emotion over time as SVG: two lines, their uncertainty, a moment now. Own code, because it is two
 * lines and a band; every element can carry a role and a name.
 *
 * @import {CurvePoint, Keyframe} from "./types.js"
 */

import { clock, element, svg } from "./text.js";

export const AXES = /** @type {const} */ (["valence", "arousal"]);
const PAD = { left: 22, right: 66, top: 10, bottom: 20 };
/** Half-widths of the bands that hold 50 % and 90 % of a Gaussian, in standard deviations. */
const BANDS = [1.645, 0.674];

/**
 * @typedef {object} Layout
 * @property {number} width
 * @property {number} height
 * @property {number} durationS
 * @property {(t: number) => number} x Seconds to pixels.
 * @property {(value: number) => number} y [-1, 1] to pixels.
 * @property {(px: number) => number} t Pixels to seconds.
 * @property {(px: number) => number} value Pixels to [-1, 1].
 */

/** @param {number} width @param {number} height @param {number} durationS @returns {Layout} */
export function layout(width, height, durationS) {
  const inner = Math.max(10, width - PAD.left - PAD.right);
  const tall = Math.max(10, height - PAD.top - PAD.bottom);
  const span = Math.max(durationS, 1e-6);
  return {
    width,
    height,
    durationS,
    x: (t) => PAD.left + (inner * t) / span,
    y: (value) => PAD.top + (tall * (1 - value)) / 2,
    t: (px) => ((px - PAD.left) / inner) * span,
    value: (px) => 1 - (2 * (px - PAD.top)) / tall,
  };
}

/** Ground of the chart: limits, middle, times. @param {Layout} at @returns {SVGElement} */
export function ground(at) {
  const group = svg("g", { class: "chart__ground", "aria-hidden": "true" });
  const [left, right] = [at.x(0), at.x(at.durationS)];
  for (const value of [-1, 0, 1]) {
    group.append(svg("line", { x1: left, x2: right, y1: at.y(value), y2: at.y(value), class: value ? "" : "chart__middle" }));
    group.append(label(left - 6, at.y(value) + 3.5, value > 0 ? "+1" : value < 0 ? "−1" : "0", "end"));
  }
  const step = timeStep(at.durationS, (right - left) / 64);
  for (let t = 0; t <= at.durationS + 1e-6; t += step) {
    group.append(label(at.x(t), at.height - 4, clock(t), "middle"));
  }
  return group;
}

/** @param {number} x @param {number} y @param {string} text @param {string} anchor */
function label(x, y, text, anchor) {
  const node = svg("text", { x, y, "text-anchor": anchor });
  node.textContent = text;
  return node;
}

/** A round number of seconds, so that at most `most` times are written. @param {number} durationS @param {number} most */
function timeStep(durationS, most) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];
  return steps.find((step) => durationS / step <= Math.max(1, most)) || 14400;
}

/**
 * One axis of a curve as a line, its name at its end.
 * @param {Layout} at @param {Keyframe[]} curve @param {"valence" | "arousal"} axis @param {number} endY
 */
export function line(at, curve, axis, endY) {
  const points = curve.map((p) => `${at.x(p.t).toFixed(1)},${at.y(p[axis]).toFixed(1)}`).join(" ");
  const name = label(at.x(at.durationS) + 10, endY + 3.5, axis, "start");
  name.setAttribute("class", `chart__name chart__name--${axis}`);
  const group = svg("g", { "aria-hidden": "true" });
  group.append(svg("polyline", { points, class: `chart__line chart__line--${axis}` }), name);
  return group;
}

/** Where the two names stand, so that they do not cover each other. @param {Layout} at @param {Keyframe[]} curve */
export function nameHeights(at, curve) {
  const last = curve[curve.length - 1];
  let [v, a] = [at.y(last.valence), at.y(last.arousal)];
  const gap = 15 - Math.abs(v - a);
  if (gap > 0) {
    const sign = v <= a ? 1 : -1;
    [v, a] = [v - (sign * gap) / 2, a + (sign * gap) / 2];
  }
  return { valence: v, arousal: a };
}

/** The bands that hold half and nine tenths. @param {Layout} at @param {CurvePoint[]} curve @param {"valence" | "arousal"} axis */
export function bands(at, curve, axis) {
  const sd = /** @type {const} */ (`${axis}_sd`);
  const group = svg("g", { "aria-hidden": "true", class: `chart__band chart__band--${axis}` });
  for (const width of BANDS) {
    const edge = (/** @type {CurvePoint} */ p, /** @type {number} */ side) => {
      const value = Math.min(1, Math.max(-1, p[axis] + side * width * p[sd]));
      return `${at.x(p.t).toFixed(1)},${at.y(value).toFixed(1)}`;
    };
    const up = curve.map((p) => edge(p, 1));
    const down = curve.map((p) => edge(p, -1)).reverse();
    group.append(svg("polygon", { points: [...up, ...down].join(" ") }));
  }
  return group;
}

/** A table of the curve for those who do not see it. @param {Keyframe[]} curve @param {string} caption */
export function table(curve, caption) {
  const step = Math.max(1, Math.ceil(curve.length / 20));
  const rows = curve.filter((_, i) => i % step === 0).map((p) =>
    element("tr", {}, element("th", { scope: "row" }, clock(p.t)), element("td", {}, p.valence.toFixed(2)), element("td", {}, p.arousal.toFixed(2))));
  const head = element("tr", {}, ...["time", "valence", "arousal"].map((name) => element("th", { scope: "col" }, name)));
  return element("table", { class: "unseen" }, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...rows));
}
