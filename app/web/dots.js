/**
 * The catalogue as dots: painted once into a layer of their own, found again through a grid.
 * Drawing and playing happen on another layer, so their cost does not grow with the catalogue.
 *
 * @import {TrackMap} from "./types.js"
 */

import { css, dotColour } from "./colour.js";

const CELLS = 64;
/** Up to so many tracks each dot is drawn, and can be tapped, for itself. */
export const FEW = 1500;

/** Buckets of the plane that answer "which track is nearest to here". */
export class DotGrid {
  /** @param {TrackMap} map */
  constructor(map) {
    this.map = map;
    const { ids, valence, arousal } = map;
    this.rowOf = new Map(ids.map((id, row) => [id, row]));
    const cell = new Uint16Array(ids.length);
    this.starts = new Uint32Array(CELLS * CELLS + 1);
    for (let i = 0; i < ids.length; i += 1) {
      cell[i] = cellOf(arousal[i]) * CELLS + cellOf(valence[i]);
      this.starts[cell[i] + 1] += 1;
    }
    for (let c = 0; c < CELLS * CELLS; c += 1) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice();
    this.rows = new Uint32Array(ids.length);
    for (let i = 0; i < ids.length; i += 1) this.rows[next[cell[i]]++] = i;
  }

  /**
   * @param {number} valence @param {number} arousal @param {number} reach In units of the plane.
   * @returns {?number} Id of the nearest track within reach.
   */
  nearest(valence, arousal, reach) {
    let least = reach * reach;
    let best = null;
    const [left, right] = [cellOf(valence - reach), cellOf(valence + reach)];
    for (let row = cellOf(arousal - reach); row <= cellOf(arousal + reach); row += 1) {
      const end = this.starts[row * CELLS + right + 1];
      for (let k = this.starts[row * CELLS + left]; k < end; k += 1) {
        const i = this.rows[k];
        const d = (this.map.valence[i] - valence) ** 2 + (this.map.arousal[i] - arousal) ** 2;
        if (d < least) [least, best] = [d, this.map.ids[i]];
      }
    }
    return best;
  }

  /** @param {number} id @returns {?{valence: number, arousal: number}} */
  placeOf(id) {
    const row = this.rowOf.get(id);
    if (row === undefined) return null;
    return { valence: this.map.valence[row], arousal: this.map.arousal[row] };
  }
}

/** @param {number} x */
function cellOf(x) {
  return Math.min(CELLS - 1, Math.max(0, Math.floor(((x + 1) / 2) * CELLS)));
}

/**
 * @param {HTMLCanvasElement} canvas Its size in device pixels is set already.
 * @param {TrackMap} map
 * @param {(valence: number, arousal: number) => [number, number]} place Plane to device pixels.
 * @param {number} ratio Device pixels a CSS pixel.
 * @param {boolean} dark
 */
export function paintDots(canvas, map, place, ratio, dark) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (map.ids.length <= FEW) paintFew(context, map, place, ratio, dark);
  else paintMany(context, map, place, ratio, dark);
}

/**
 * @typedef {(context: CanvasRenderingContext2D, map: TrackMap,
 *   place: (valence: number, arousal: number) => [number, number], ratio: number, dark: boolean) => void} Paint
 */

/** Round dots with soft edges. @type {Paint} */
const paintFew = (context, map, place, ratio, dark) => {
  const side = Math.min(context.canvas.width, context.canvas.height) / ratio;
  const radius = (map.ids.length < 200 ? 4 : 2.6) * Math.min(1, 0.55 + side / 1500) * ratio;
  for (let i = 0; i < map.ids.length; i += 1) {
    const [x, y] = place(map.valence[i], map.arousal[i]);
    context.fillStyle = css(dotColour(map.valence[i], map.arousal[i], dark), 0.8);
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
  }
};

const SHIFTS = 4;

/**
 * How much of each pixel a round dot covers, for 4 x 4 places of its middle within a pixel.
 * @param {number} radius Device pixels. @param {number} reach Whole pixels to each side.
 * @param {number} strength Cover in the middle, 0..1. @returns {Float32Array[]}
 */
function dotKernels(radius, reach, strength) {
  const size = 2 * reach + 1;
  return Array.from({ length: SHIFTS * SHIFTS }, (_, shift) => {
    const dx = ((shift % SHIFTS) + 0.5) / SHIFTS;
    const dy = (Math.floor(shift / SHIFTS) + 0.5) / SHIFTS;
    return Float32Array.from({ length: size * size }, (__, k) => {
      const away = Math.hypot((k % size) - reach + 0.5 - dx, Math.floor(k / size) - reach + 0.5 - dy);
      return strength * Math.min(1, Math.max(0, radius + 0.5 - away));
    });
  });
}

/** Straight into the pixels: a hundred thousand in a few hundredths of a second. @type {Paint} */
const paintMany = (context, map, place, ratio, dark) => {
  const { width, height } = context.canvas;
  const image = context.createImageData(width, height);
  const pixels = image.data;
  const palette = colourTable(dark);
  const size = map.ids.length > 30000 ? 1.05 : map.ids.length > 6000 ? 1.4 : 1.9;
  const radius = ratio * size * Math.min(1, 0.4 + Math.min(width, height) / ratio / 1100);
  const reach = Math.ceil(radius + 0.5);
  const kernels = dotKernels(radius, reach, map.ids.length > 30000 ? 0.5 : 0.72);
  const [x0, y0] = place(0, 0);
  const half = place(1, 0)[0] - x0;
  for (let i = 0; i < map.ids.length; i += 1) {
    const x = x0 + half * map.valence[i];
    const y = y0 - half * map.arousal[i];
    const [column, row] = [Math.floor(x), Math.floor(y)];
    if (column < reach || row < reach || column >= width - reach || row >= height - reach) continue;
    const entry = 3 * (cellOf(map.arousal[i]) * CELLS + cellOf(map.valence[i]));
    const kernel = kernels[Math.floor((y - row) * SHIFTS) * SHIFTS + Math.floor((x - column) * SHIFTS)];
    for (let dy = -reach, k = 0; dy <= reach; dy += 1) {
      for (let at = 4 * ((row + dy) * width + column - reach), dx = -reach; dx <= reach; dx += 1, at += 4, k += 1) {
        if (kernel[k] === 0) continue;
        pixels[at] = palette[entry];
        pixels[at + 1] = palette[entry + 1];
        pixels[at + 2] = palette[entry + 2];
        pixels[at + 3] += (255 - pixels[at + 3]) * kernel[k];
      }
    }
  }
  context.putImageData(image, 0, 0);
};

/** Colours of the dots, one a cell of the grid. @param {boolean} dark */
function colourTable(dark) {
  const table = new Uint8ClampedArray(3 * CELLS * CELLS);
  for (let row = 0; row < CELLS; row += 1) {
    for (let column = 0; column < CELLS; column += 1) {
      const middle = (/** @type {number} */ c) => (2 * (c + 0.5)) / CELLS - 1;
      table.set(dotColour(middle(column), middle(row), dark), 3 * (row * CELLS + column));
    }
  }
  return table;
}

/**
 * The ground: a soft field of colour, dithered so that no band shows.
 * @param {HTMLCanvasElement} canvas
 * @param {(x: number, y: number) => [number, number]} unplace Device pixels to plane.
 * @param {(valence: number, arousal: number) => [number, number, number]} colour
 */
export function paintField(canvas, unplace, colour) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { width, height } = canvas;
  const step = 12;
  const columns = Math.ceil(width / step) + 2;
  const knots = new Float32Array(3 * columns * (Math.ceil(height / step) + 2));
  for (let r = 0, k = 0; r * step < height + 2 * step && k < knots.length; r += 1) {
    for (let c = 0; c < columns; c += 1, k += 3) knots.set(colour(...unplace(c * step, r * step)), k);
  }
  const image = context.createImageData(width, height);
  const pixels = image.data;
  const noise = noises(4099);
  const row = new Float32Array(3 * columns);
  for (let y = 0, at = 0, n = 0; y < height; y += 1) {
    const above = 3 * columns * Math.floor(y / step);
    const v = (y % step) / step;
    for (let k = 0; k < row.length; k += 1) {
      row[k] = knots[above + k] + v * (knots[above + row.length + k] - knots[above + k]);
    }
    for (let c = 0; c * step < width; c += 1) {
      let [r, g, b] = [row[3 * c], row[3 * c + 1], row[3 * c + 2]];
      const [dr, dg, db] = [(row[3 * c + 3] - r) / step, (row[3 * c + 4] - g) / step, (row[3 * c + 5] - b) / step];
      for (let end = Math.min(step, width - c * step); end > 0; end -= 1, at += 4) {
        n = n === noise.length - 1 ? 0 : n + 1;
        const dither = noise[n];
        pixels[at] = r + dither;
        pixels[at + 1] = g + dither;
        pixels[at + 2] = b + dither;
        pixels[at + 3] = 255;
        r += dr;
        g += dg;
        b += db;
      }
    }
  }
  context.putImageData(image, 0, 0);
}

/** Numbers from -0.5 to 0.5 without a pattern one could see. @param {number} count @returns {Float32Array} */
function noises(count) {
  let seed = 1;
  return Float32Array.from({ length: count }, () => {
    seed = (seed * 1664525 + 1013904223) >>> 0;
    return seed / 4294967296 - 0.5;
  });
}
