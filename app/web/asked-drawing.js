/**
 * The question on the plane: its line, its place, or the part of the plane that a phrase means; and,
 * before anything is asked, a line that draws itself.
 *
 * @import {Keyframe, Region} from "./types.js"
 * @import {Plane} from "./plane.js"
 */

import { drawPath, drawRegion, drawTarget } from "./drawing.js";
import { EXAMPLES } from "./examples.js";
import { clamp, durationOf, isSteady, smoothAt } from "./geometry.js";
import { toldOf } from "./link.js";

const EXAMPLE_S = 2.2;

export class AskedDrawing {
  /** @param {Plane} plane */
  constructor(plane) {
    this.plane = plane;
    this.exampleSince = 0;
    /** @type {?Keyframe[]} */
    this.example = null;
  }

  /** @param {CanvasRenderingContext2D} c @param {boolean} dark */
  draw(c, dark) {
    const { plane } = this;
    const { query, clip, moods, told, hint, catalogue } = plane.store.state;
    const read = toldOf(query, told)?.understood;
    if (clip) drawPath(c, plane.place, clip.answer.curve, { dark, handles: false, held: -1, stroke: [] });
    else if (query.kind === "curve") this.#line(c, dark, query.keyframes);
    else if (read) this.#phrase(c, dark, read.steps, read.curve);
    else if (query.kind === "mood") {
      const at = moods.find((mood) => mood.word === query.word);
      if (at && !plane.words.shows(at.word)) drawTarget(c, plane.place(at), dark);
    } else if (query.kind === "track") {
      for (const id of query.ids) {
        const at = plane.placeOfTrack(id);
        if (at) drawTarget(c, plane.place(at), dark);
      }
    } else if (query.kind === "none" && catalogue === "ready" && !hint) this.#example(c, dark);
    if (hint) this.#phrase(c, dark, hint.steps, hint.curve);
  }

  /** @param {CanvasRenderingContext2D} c @param {boolean} dark @param {Keyframe[]} frames */
  #line(c, dark, frames) {
    const { plane } = this;
    const { drawing } = plane.store.state;
    drawPath(c, plane.place, frames, { dark, handles: !drawing, held: plane.held, stroke: drawing ? plane.stroke : [] });
  }

  /** @param {CanvasRenderingContext2D} c @param {boolean} dark @param {Region[]} steps @param {Keyframe[]} curve */
  #phrase(c, dark, steps, curve) {
    for (const step of steps) drawRegion(c, this.plane.place, step, dark);
    if (curve.length && !isSteady(curve)) this.#line(c, dark, curve);
    else for (const step of steps) drawTarget(c, this.plane.place(step), dark);
  }

  /** A line that draws itself, to show that one can. @param {CanvasRenderingContext2D} c @param {boolean} dark */
  #example(c, dark) {
    const { plane } = this;
    const frames = plane.store.state.preview || EXAMPLES[0].keyframes;
    const now = performance.now();
    if (this.example !== frames) [this.example, this.exampleSince] = [frames, now];
    const age = plane.still.matches ? EXAMPLE_S : (now - this.exampleSince) / 1000;
    const turn = clamp(age / EXAMPLE_S, 0.02, 1);
    const endS = durationOf(frames) * turn * turn * (3 - 2 * turn);
    const line = Array.from({ length: 61 }, (_, i) => smoothAt(frames, (endS * i) / 60));
    drawPath(c, plane.place, frames, { dark, handles: false, held: -1, stroke: line });
    if (turn < 1) plane.redraw();
  }
}
