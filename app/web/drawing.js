/**
 * What moves on the plane: the drawn path, the hits, the dot that follows the music. Everything is
 * drawn in CSS pixels onto a layer that is wiped each time.
 *
 * @import {Affect, CurvePoint, Item, Keyframe} from "./types.js"
 */

import { css, dotColour, oklch } from "./colour.js";
import { affectAt, clamp, isSteady } from "./geometry.js";

/** @typedef {(at: Affect) => [number, number]} Place Plane to CSS pixels. */
/** @typedef {CanvasRenderingContext2D} Context */

/** @param {boolean} dark */
export function inks(dark) {
  return dark
    ? { ink: "rgb(245 243 238)", soft: "rgb(245 243 238 / .45)", faint: "rgb(245 243 238 / .16)", paper: "rgb(24 24 30)" }
    : { ink: "rgb(34 32 40)", soft: "rgb(34 32 40 / .42)", faint: "rgb(34 32 40 / .12)", paper: "rgb(255 254 251)" };
}

/** The circle and the two axes. @param {Context} c @param {Place} place @param {boolean} dark */
export function drawFrame(c, place, dark) {
  const { faint } = inks(dark);
  const [x0, y0] = place({ valence: 0, arousal: 0 });
  const radius = place({ valence: 1, arousal: 0 })[0] - x0;
  c.strokeStyle = faint;
  c.lineWidth = 1;
  c.beginPath();
  c.arc(x0, y0, radius, 0, 2 * Math.PI);
  c.moveTo(Math.round(x0 - radius) + 0.5, Math.round(y0) + 0.5);
  c.lineTo(Math.round(x0 + radius) + 0.5, Math.round(y0) + 0.5);
  c.moveTo(Math.round(x0) + 0.5, Math.round(y0 - radius) + 0.5);
  c.lineTo(Math.round(x0) + 0.5, Math.round(y0 + radius) + 0.5);
  c.stroke();
}

/**
 * A smooth line through points (Catmull-Rom), from `from` to `to` of its length in points.
 * @param {Context} c @param {[number, number][]} points
 */
export function trace(c, points) {
  c.beginPath();
  c.moveTo(...points[0]);
  for (let i = 0; i + 1 < points.length; i += 1) {
    const [before, a] = [points[Math.max(0, i - 1)], points[i]];
    const [b, after] = [points[i + 1], points[Math.min(points.length - 1, i + 2)]];
    c.bezierCurveTo(
      a[0] + (b[0] - before[0]) / 6, a[1] + (b[1] - before[1]) / 6,
      b[0] - (after[0] - a[0]) / 6, b[1] - (after[1] - a[1]) / 6,
      b[0], b[1],
    );
  }
}

/**
 * The path that is asked for, with its keyframes as handles.
 * @param {Context} c @param {Place} place @param {Keyframe[]} frames
 * @param {{dark: boolean, handles: boolean, held: number, stroke: Affect[]}} how
 *   `held`: index of the keyframe being dragged or -1; `stroke`: the raw line while it is drawn.
 */
export function drawPath(c, place, frames, how) {
  const { ink, paper } = inks(how.dark);
  const points = frames.map(place);
  const line = how.stroke.length > 1 ? how.stroke.map(place) : points;
  if (isSteady(frames) && how.stroke.length < 2) {
    drawTarget(c, points[0], how.dark);
    return;
  }
  c.lineJoin = c.lineCap = "round";
  for (const [width, colour] of /** @type {[number, string][]} */ ([[6, paper], [2.25, ink]])) {
    c.globalAlpha = colour === paper ? 0.55 : 1;
    c.strokeStyle = colour;
    c.lineWidth = width;
    trace(c, line);
    c.stroke();
  }
  drawArrow(c, line, ink);
  const marked = how.handles ? points.slice(0, -1) : [line[0]];
  marked.forEach((point, index) => {
    c.beginPath();
    c.arc(...point, index === how.held ? 7 : index === 0 ? 5.5 : 4, 0, 2 * Math.PI);
    c.fillStyle = index === 0 ? ink : paper;
    c.fill();
    c.lineWidth = 1.75;
    c.strokeStyle = ink;
    c.stroke();
  });
}

/**
 * The part of the plane that a feeling means: one and two standard deviations around its middle.
 * @param {Context} c @param {Place} place @param {import("./types.js").Region} region @param {boolean} dark
 */
export function drawRegion(c, place, region, dark) {
  if (!region.spread_valence || !region.spread_arousal) return;
  const [x, y] = place(region);
  const unit = place({ valence: 1, arousal: 0 })[0] - place({ valence: 0, arousal: 0 })[0];
  const colour = dotColour(region.valence, region.arousal, dark);
  for (const [reach, alpha] of [[2, 0.1], [1, 0.16]]) {
    c.beginPath();
    c.ellipse(x, y, reach * unit * region.spread_valence, reach * unit * region.spread_arousal, 0, 0, 2 * Math.PI);
    c.fillStyle = css(colour, alpha);
    c.fill();
  }
  c.setLineDash([3, 4]);
  c.lineWidth = 1.25;
  c.strokeStyle = css(colour, 0.9);
  c.stroke();
  c.setLineDash([]);
}

/** A chosen point: a ring with a dot. @param {Context} c @param {[number, number]} at @param {boolean} dark */
export function drawTarget(c, at, dark) {
  const { ink, paper } = inks(dark);
  c.beginPath();
  c.arc(...at, 13, 0, 2 * Math.PI);
  c.strokeStyle = paper;
  c.lineWidth = 5;
  c.globalAlpha = 0.6;
  c.stroke();
  c.globalAlpha = 1;
  c.strokeStyle = ink;
  c.lineWidth = 1.75;
  c.stroke();
  c.beginPath();
  c.arc(...at, 3, 0, 2 * Math.PI);
  c.fillStyle = ink;
  c.fill();
}

/** A track that is held, and where it lay before. @param {Context} c @param {[number, number]} from @param {[number, number]} at @param {boolean} dark */
export function drawPlaced(c, from, at, dark) {
  const { ink, paper } = inks(dark);
  for (const [colour, width] of /** @type {[string, number][]} */ ([[paper, 4], [ink, 1.5]])) {
    c.beginPath();
    c.moveTo(...from);
    c.lineTo(...at);
    c.setLineDash([4, 4]);
    c.strokeStyle = colour;
    c.lineWidth = width;
    c.stroke();
    c.setLineDash([]);
  }
  drawTarget(c, at, dark);
}

/** @param {Context} c @param {[number, number][]} line @param {string} ink */
function drawArrow(c, line, ink) {
  const tip = line[line.length - 1];
  let back = line.length - 2;
  while (back > 0 && Math.hypot(tip[0] - line[back][0], tip[1] - line[back][1]) < 9) back -= 1;
  const angle = Math.atan2(tip[1] - line[back][1], tip[0] - line[back][0]);
  c.save();
  c.translate(...tip);
  c.rotate(angle);
  c.beginPath();
  c.moveTo(7, 0);
  c.lineTo(-6, -6);
  c.lineTo(-3, 0);
  c.lineTo(-6, 6);
  c.closePath();
  c.fillStyle = ink;
  c.fill();
  c.restore();
}

/**
 * The tracks of the playlist, the best largest.
 * @param {Context} c @param {Place} place @param {Item[]} items
 * @param {{dark: boolean, pointed: ?number, journey: boolean}} how
 */
export function drawHits(c, place, items, how) {
  const { ink, soft, paper } = inks(how.dark);
  if (how.journey && items.length > 1) {
    c.setLineDash([1, 5]);
    c.lineCap = "round";
    c.strokeStyle = soft;
    c.lineWidth = 1.5;
    c.beginPath();
    items.forEach((item, i) => (i ? c.lineTo(...place(item)) : c.moveTo(...place(item))));
    c.stroke();
    c.setLineDash([]);
  }
  for (let i = items.length - 1; i >= 0; i -= 1) {
    const radius = how.journey ? 5.5 : clamp(7 - 0.16 * i, 4, 7);
    c.beginPath();
    c.arc(...place(items[i]), radius, 0, 2 * Math.PI);
    c.fillStyle = css(dotColour(items[i].valence, items[i].arousal, how.dark));
    c.fill();
    c.lineWidth = 1.5;
    c.strokeStyle = items[i].track.id === how.pointed ? ink : paper;
    c.stroke();
  }
}

/** The ring around the track that is pointed at. @param {Context} c @param {[number, number]} at @param {boolean} dark */
export function drawHalo(c, at, dark) {
  c.beginPath();
  c.arc(...at, 11, 0, 2 * Math.PI);
  c.strokeStyle = inks(dark).ink;
  c.lineWidth = 1.5;
  c.stroke();
}

/**
 * A track's own movement, and where it is now.
 * @param {Context} c @param {Place} place @param {CurvePoint[]} curve
 * @param {number} nowS @param {{dark: boolean, still: boolean}} how
 */
export function drawFollower(c, place, curve, nowS, how) {
  const { ink, soft, paper } = inks(how.dark);
  if (curve.length > 1) {
    c.lineJoin = c.lineCap = "round";
    c.strokeStyle = inks(how.dark).faint;
    c.lineWidth = 1.5;
    c.beginPath();
    curve.forEach((point, i) => (i ? c.lineTo(...place(point)) : c.moveTo(...place(point))));
    c.stroke();
    c.strokeStyle = soft;
    c.lineWidth = 2.5;
    c.beginPath();
    for (let t = Math.max(0, nowS - 10), first = true; t <= nowS; t += 0.25, first = false) {
      const at = place(affectAt(curve, t));
      if (first) c.moveTo(...at);
      else c.lineTo(...at);
    }
    c.stroke();
  }
  const here = affectAt(curve, nowS);
  const at = place(here);
  const breath = how.still ? 0.5 : 0.5 + 0.5 * Math.sin(performance.now() / 420);
  const colour = dotColour(here.valence, here.arousal, how.dark);
  c.beginPath();
  c.arc(...at, 15 + 5 * breath, 0, 2 * Math.PI);
  c.fillStyle = css(colour, 0.28);
  c.fill();
  c.beginPath();
  c.arc(...at, 8, 0, 2 * Math.PI);
  c.fillStyle = css(colour);
  c.fill();
  c.strokeStyle = paper;
  c.lineWidth = 4;
  c.stroke();
  c.strokeStyle = ink;
  c.lineWidth = 1.75;
  c.stroke();
}

/** The pointer of the keyboard. @param {Context} c @param {[number, number]} at @param {boolean} dark */
export function drawCrosshair(c, at, dark) {
  c.strokeStyle = inks(dark).ink;
  c.lineWidth = 1.5;
  c.beginPath();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    c.moveTo(at[0] + 5 * dx, at[1] + 5 * dy);
    c.lineTo(at[0] + 14 * dx, at[1] + 14 * dy);
  }
  c.stroke();
}

const GRID = 112;
/** Below this part of the greatest density (its root) nothing is shown. */
const FLOOR = 0.16;
/** Half the side of the density's square: over the edge, so that it fades instead of ending. */
export const DENSITY_REACH = 2;

/**
 * Where on the plane the music of a clip is likely to be: the mean over time of the Gaussians its
 * curve gives, as a picture of the square from -2 to 2.
 * @param {CurvePoint[]} curve @param {boolean} dark @returns {HTMLCanvasElement}
 */
export function densityPicture(curve, dark) {
  const step = Math.max(1, Math.floor(curve.length / 300));
  const total = new Float32Array(GRID * GRID);
  for (let i = 0; i < curve.length; i += step) {
    const across = bell(curve[i].valence, curve[i].valence_sd);
    const up = bell(curve[i].arousal, curve[i].arousal_sd);
    for (let r = 0, k = 0; r < GRID; r += 1) {
      for (let q = 0; q < GRID; q += 1, k += 1) total[k] += up[GRID - 1 - r] * across[q];
    }
  }
  const most = total.reduce((a, b) => Math.max(a, b), 1e-9);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = GRID;
  const context = /** @type {Context} */ (canvas.getContext("2d"));
  const image = context.createImageData(GRID, GRID);
  for (let k = 0; k < GRID * GRID; k += 1) {
    const valence = cellMiddle(k % GRID);
    const arousal = -cellMiddle(Math.floor(k / GRID));
    const hue = dotColour(valence, arousal, dark);
    const likely = Math.max(0, Math.sqrt(total[k] / most) - FLOOR) / (1 - FLOOR);
    image.data.set([...hue, (dark ? 105 : 115) * likely].map(Math.round), 4 * k);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** @param {number} index */
function cellMiddle(index) {
  return DENSITY_REACH * ((2 * (index + 0.5)) / GRID - 1);
}

/** @param {number} mean @param {number} sd @returns {Float32Array} */
function bell(mean, sd) {
  const width = Math.max(sd, 0.04);
  return Float32Array.from({ length: GRID }, (_, i) => {
    const z = (cellMiddle(i) - mean) / width;
    return Math.exp(-0.5 * z * z) / width;
  });
}

/** A colour of the scale from sad to happy, for marks outside the plane. @param {Affect} at @param {boolean} dark */
export function markColour(at, dark) {
  return css(dotColour(at.valence, at.arousal, dark));
}

/** The two axes' own colours. @param {boolean} dark */
export function axisColours(dark) {
  return {
    valence: css(oklch(dark ? 0.8 : 0.52, 0.11, 150)),
    arousal: css(oklch(dark ? 0.76 : 0.56, 0.14, 42)),
  };
}
