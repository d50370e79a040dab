/**
 * The plane by keyboard: a cursor that moves, asks, and draws a path point by point.
 *
 * @import {Keyframe} from "./types.js"
 * @import {Plane} from "./plane.js"
 */

import { clamp, isSteady, round, steady } from "./geometry.js";
import { lineToChange } from "./store.js";
import { nearestWord, signed } from "./text.js";

const STEP_S = 600;

export class PlaneKeys {
  /** @param {Plane} plane */
  constructor(plane) {
    this.plane = plane;
    plane.pad.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.key(event));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { plane } = this;
    const held = plane.store.state.placing;
    if (held) plane.cursor = held.at;
    const step = event.shiftKey ? 0.2 : 0.05;
    const moves = /** @type {Record<string, [number, number]>} */ ({
      ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step],
    });
    if (event.key in moves) {
      const [dv, da] = moves[event.key];
      const { valence, arousal } = plane.cursor;
      plane.cursor = { valence: round(clamp(valence + dv, -1, 1)), arousal: round(clamp(arousal + da, -1, 1)) };
      if (held) plane.placing?.to(plane.cursor, true);
      else this.sayCursor();
    } else if (held && event.key === "Enter") plane.placing?.keep();
    else if (held && event.key === "Escape") plane.placing?.cancel();
    else if (held) return;
    else if (event.key === "Enter" || event.key === " ") {
      const keyframes = event.shiftKey ? this.extended() : steady(plane.cursor);
      plane.ask({ kind: "curve", keyframes }, event.shiftKey);
    } else if (event.key === "Backspace") this.shorten();
    else return;
    event.preventDefault();
    plane.redraw();
  }

  sayCursor() {
    const { cursor, store, outside } = this.plane;
    const word = nearestWord(cursor, store.state.moods);
    outside.say(`${word ? `near ${word}, ` : ""}valence ${signed(cursor.valence)}, arousal ${signed(cursor.arousal)}`);
  }

  /** The present path, continued to the cursor. @returns {Keyframe[]} */
  extended() {
    const { cursor, store } = this.plane;
    const curve = lineToChange(store.state);
    if (!curve) return steady(cursor);
    const old = isSteady(curve) ? [curve[0]] : curve;
    return [...old, { t: old[old.length - 1].t + STEP_S, ...cursor }];
  }

  shorten() {
    const curve = lineToChange(this.plane.store.state);
    if (!curve || isSteady(curve)) return;
    const left = curve.slice(0, -1);
    this.plane.ask({ kind: "curve", keyframes: left.length > 1 ? left : steady(left[0]) }, true);
  }
}
