/**
 * Curves through the plane: from a stroke to keyframes and back to points. No drawing here.
 *
 * @import {Affect, Keyframe, Region} from "./types.js"
 */

export const MIN_GAP_S = 0.5;
/** How long a clip's movement lasts when it is asked with. */
const CLIP_S = 3600;

/** @param {number} x @param {number} low @param {number} high */
export function clamp(x, low, high) {
  return Math.min(high, Math.max(low, x));
}

/** @param {number} x @param {number} [digits] */
export function round(x, digits = 3) {
  const scale = 10 ** digits;
  return Math.round(x * scale) / scale;
}

/**
 * A point drawn by hand. `ms` is when the pointer was there: lingering lengthens that stretch.
 * @typedef {Affect & {ms: number}} StrokePoint
 */

/**
 * Keyframes of a stroke: its shape and its pace, without its tremble.
 *
 * @param {StrokePoint[]} stroke
 * @param {number} durationS Seconds the whole stroke is to last.
 * @param {number} [most] Most keyframes to keep.
 * @returns {Keyframe[]} Two keyframes at least, the first at 0, times strictly increasing.
 */
export function keyframesFromStroke(stroke, durationS, most = 12) {
  const first = stroke[0];
  const span = Math.max(1, stroke[stroke.length - 1].ms - first.ms);
  const points = stroke.map((p) => [p.valence, p.arousal, (0.6 * (p.ms - first.ms)) / span]);
  let tolerance = 0.03;
  let kept = simplify(points, tolerance);
  while (kept.length > most) {
    tolerance *= 1.3;
    kept = simplify(points, tolerance);
  }
  const frames = kept.map((index) => ({
    t: round((durationS * (stroke[index].ms - first.ms)) / span, 1),
    valence: round(clamp(stroke[index].valence, -1, 1)),
    arousal: round(clamp(stroke[index].arousal, -1, 1)),
  }));
  return spaced(frames, durationS);
}

/**
 * Indices Ramer, Douglas and Peucker's line simplification keeps.
 * @param {number[][]} points @param {number} tolerance @returns {number[]}
 */
export function simplify(points, tolerance) {
  const keep = new Set([0, points.length - 1]);
  const open = [[0, points.length - 1]];
  for (let range = open.pop(); range; range = open.pop()) {
    const [from, to] = range;
    let worst = tolerance;
    let at = -1;
    for (let i = from + 1; i < to; i += 1) {
      const distance = distanceToSegment(points[i], points[from], points[to]);
      if (distance > worst) [worst, at] = [distance, i];
    }
    if (at > 0) {
      keep.add(at);
      open.push([from, at], [at, to]);
    }
  }
  return [...keep].sort((a, b) => a - b);
}

/** @param {number[]} p @param {number[]} a @param {number[]} b */
function distanceToSegment(p, a, b) {
  let along = 0;
  let length = 0;
  for (let d = 0; d < p.length; d += 1) {
    along += (p[d] - a[d]) * (b[d] - a[d]);
    length += (b[d] - a[d]) ** 2;
  }
  const u = length > 0 ? clamp(along / length, 0, 1) : 0;
  let squared = 0;
  for (let d = 0; d < p.length; d += 1) squared += (p[d] - a[d] - u * (b[d] - a[d])) ** 2;
  return Math.sqrt(squared);
}

/**
 * Times pushed apart where they touch, so that they increase strictly.
 * @param {Keyframe[]} frames @param {number} durationS @returns {Keyframe[]}
 */
export function spaced(frames, durationS) {
  const out = frames.map((frame) => ({ ...frame }));
  const gap = Math.min(MIN_GAP_S, durationS / (2 * Math.max(1, out.length - 1)));
  for (let i = 1; i < out.length; i += 1) {
    if (out[i].t < out[i - 1].t + gap) out[i].t = round(out[i - 1].t + gap, 2);
  }
  return out;
}

/** @param {Keyframe[]} frames @returns {number} Seconds. */
export function durationOf(frames) {
  return frames.length ? frames[frames.length - 1].t : 0;
}

/**
 * The same movement over another length of time.
 * @param {Keyframe[]} frames @param {number} durationS @returns {Keyframe[]}
 */
export function stretched(frames, durationS) {
  const old = durationOf(frames) || 1;
  return spaced(
    frames.map((frame) => ({ ...frame, t: round((frame.t * durationS) / old, 2) })),
    durationS,
  );
}

/**
 * The emotion at one moment; straight between keyframes, still before and after them.
 * @param {Keyframe[]} frames @param {number} t @returns {Affect}
 */
export function affectAt(frames, t) {
  let low = 0;
  let high = frames.length - 1;
  if (t <= frames[0].t) return frames[0];
  if (t >= frames[high].t) return frames[high];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (frames[middle].t <= t) low = middle;
    else high = middle;
  }
  const [a, b] = [frames[low], frames[high]];
  const u = (t - a.t) / (b.t - a.t);
  return {
    valence: a.valence + u * (b.valence - a.valence),
    arousal: a.arousal + u * (b.arousal - a.arousal),
  };
}

/**
 * The same without corners (Catmull-Rom), as the plane draws it.
 * @param {Keyframe[]} frames @param {number} t @returns {Affect}
 */
export function smoothAt(frames, t) {
  const next = frames.findIndex((frame) => frame.t > t);
  if (next <= 0) return next < 0 ? frames[frames.length - 1] : frames[0];
  const [a, b] = [frames[next - 1], frames[next]];
  const before = frames[Math.max(0, next - 2)];
  const after = frames[Math.min(frames.length - 1, next + 1)];
  const u = (t - a.t) / (b.t - a.t);
  const along = (/** @type {"valence" | "arousal"} */ axis) => {
    const [m, n] = [(b[axis] - before[axis]) / 2, (after[axis] - a[axis]) / 2];
    const rest = 1 - u;
    return a[axis] * (1 + 2 * u) * rest * rest + m * u * rest * rest + b[axis] * u * u * (3 - 2 * u) - n * u * u * rest;
  };
  return { valence: along("valence"), arousal: along("arousal") };
}

/** A steady emotion. @param {Affect} at @param {number} [durationS] @returns {Keyframe[]} */
export function steady(at, durationS = 30) {
  const point = { valence: round(at.valence), arousal: round(at.arousal) };
  return [
    { t: 0, ...point },
    { t: durationS, ...point },
  ];
}

/** A place, as a part of the plane without extent. @param {Affect} at @returns {{steps: Region[], curve: Keyframe[]}} */
export function spotAt({ valence, arousal }) {
  return { steps: [{ valence, arousal, spread_valence: 0, spread_arousal: 0 }], curve: [] };
}

/** @param {Keyframe[]} frames */
export function isSteady(frames) {
  return frames.every(
    (f) => f.valence === frames[0].valence && f.arousal === frames[0].arousal,
  );
}

/**
 * A long curve as few keyframes, for asking with it and for dragging them.
 * @param {Keyframe[]} curve @param {number} [most] @returns {Keyframe[]}
 */
export function keyframesOfCurve(curve, most = 12) {
  if (curve.length === 1) return steady(curve[0]);
  const last = curve[curve.length - 1].t || 1;
  const points = curve.map((p) => [p.valence, p.arousal, (0.3 * p.t) / last]);
  let tolerance = 0.03;
  let kept = simplify(points, tolerance);
  while (kept.length > most) {
    tolerance *= 1.25;
    kept = simplify(points, tolerance);
  }
  return kept.map((index) => ({
    t: round(curve[index].t - curve[0].t, 2),
    valence: round(clamp(curve[index].valence, -1, 1)),
    arousal: round(clamp(curve[index].arousal, -1, 1)),
  }));
}

/** A clip's movement over an hour, to ask with. @param {{answer: {curve: Keyframe[]}}} clip @returns {Keyframe[]} */
export function clipKeyframes(clip) {
  const frames = keyframesOfCurve(clip.answer.curve, 24);
  return isSteady(frames) ? frames : stretched(frames, CLIP_S);
}

/** @param {Affect} a @param {Affect} b */
export function distance(a, b) {
  return Math.hypot(a.valence - b.valence, a.arousal - b.arousal);
}
