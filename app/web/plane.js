/**
 * The plane itself: layers, words, pointer and keyboard. It turns gestures into queries and shows
 * the state; it asks the service nothing but the name of a dot.
 *
 * @import {Affect, Item, Query} from "./types.js"
 * @import {Store, State} from "./store.js"
 * @import {StrokePoint} from "./geometry.js"
 */

import { AskedDrawing } from "./asked-drawing.js";
import { fieldColour, isDark } from "./colour.js";
import { DotGrid, FEW, paintDots, paintField } from "./dots.js";
import { modeOf } from "./link.js";
import { lineToChange, shownItems } from "./store.js";
import { clamp, isSteady, keyframesFromStroke, round, steady } from "./geometry.js";
import {
  DENSITY_REACH, densityPicture, drawCrosshair, drawFollower, drawFrame, drawHalo, drawHits, drawPlaced, drawTarget,
} from "./drawing.js";
import { PlaneKeys } from "./plane-keys.js";
import { byId } from "./text.js";
import { Words } from "./words.js";

const TAP_PX = 6;
/** How near to a dot a tap plays it. */
const DOT_PX = 6;
/** More dots than words can be read over. */
const CROWD = 1500;
/** How long a line lasts that was just drawn, and with it its list. */
const NEW_PATH_S = 3600;

export class Plane {
  /**
   * @param {Store} store
   * @param {{play: (item: Item) => void, playTrack: (id: number) => void, nowS: () => ?number, say: (text: string) => void}} outside
   *   `nowS`: how far the player is in what it plays, null when it is silent.
   */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.root = byId("plane");
    this.pad = byId("pad");
    /** @type {HTMLCanvasElement[]} */
    this.layers = [byId("field"), byId("dots"), byId("ink"), byId("glow"), byId("hits")];
    this.words = new Words(store, byId("words"), (word) => this.ask({ kind: "mood", word }));
    this.grid = null;
    /** @type {?DotGrid} */ (this.grid);
    this.frame = { x: 0, y: 0, half: 1, width: 1, height: 1, ratio: 1 };
    /** @type {StrokePoint[]} */
    this.stroke = [];
    this.held = -1;
    this.pressed = null;
    this.cursor = { valence: 0, arousal: 0 };
    this.asked = new AskedDrawing(this);
    this.keys = new PlaneKeys(this);
    /** @type {?import("./placing.js").Placing} Holds a track's dot. */
    this.placing = null;
    this.still = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.place = this.place.bind(this);
    this.#listen();
  }

  #listen() {
    new ResizeObserver(() => this.resize()).observe(this.root);
    this.pad.addEventListener("pointerdown", (/** @type {PointerEvent} */ e) => this.press(e));
    this.pad.addEventListener("pointermove", (/** @type {PointerEvent} */ e) => this.move(e));
    this.pad.addEventListener("pointerup", (/** @type {PointerEvent} */ e) => this.release(e));
    this.pad.addEventListener("pointercancel", () => this.abandon());
    this.pad.addEventListener("pointerleave", () => {
      this.words.forget();
      this.store.set({ pointed: null });
    });
    this.pad.addEventListener("focus", () => this.redraw());
    this.pad.addEventListener("blur", () => this.redraw());
    this.store.on(["map"], (state) => {
      this.grid = state.map ? new DotGrid(state.map) : null;
      this.paintDots();
    });
    this.store.on(["clip"], () => this.paintDensity());
    this.store.on(["items", "clip", "catalogue", "query"], (state) => (byId("caption").textContent = caption(state)));
    this.store.on(["items", "sample", "clip", "pointed", "options", "query", "told"], () => this.paintHits());
    this.store.on(["moment", "query", "items", "pointed", "playing", "drawing", "moods", "preview", "catalogue", "told", "hint", "placing"], () => this.redraw());
  }

  /** @param {Affect} at @returns {[number, number]} CSS pixels. */
  place(at) {
    return [this.frame.x + at.valence * this.frame.half, this.frame.y - at.arousal * this.frame.half];
  }

  /** @param {{clientX: number, clientY: number}} event @returns {Affect} */
  affectOf(event) {
    const box = this.pad.getBoundingClientRect();
    const { x, y, half } = this.frame;
    return {
      valence: round(clamp((event.clientX - box.left - x) / half, -1, 1)),
      arousal: round(clamp((y - (event.clientY - box.top)) / half, -1, 1)),
    };
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.root;
    if (!width || !height) return;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const margin = Math.min(width, height) < 480 ? 26 : 46;
    const top = width < 700 ? 0 : 8;
    const half = Math.max(60, (Math.min(width, height - top) - 2 * margin) / 2);
    this.frame = { x: width / 2, y: (height + top) / 2, half, width, height, ratio };
    for (const layer of this.layers) {
      layer.width = Math.round(width * ratio);
      layer.height = Math.round(height * ratio);
    }
    this.repaint();
  }

  /** Everything anew: after a change of size or theme. */
  repaint() {
    const { x, y, half, ratio } = this.frame;
    const dark = isDark();
    paintField(
      this.layers[0],
      (px, py) => [(px / ratio - x) / half, (y - py / ratio) / half],
      (valence, arousal) => fieldColour(valence, arousal, dark),
    );
    this.paintDots();
    this.paintDensity();
    this.paintHits();
    this.words.arrange(this.place, this.frame);
    byId("axis-arousal").style.transform = `translate(${x + 8}px, ${y - half - 20}px)`;
    const valence = byId("axis-valence");
    const outside = x + half + 8;
    const fits = outside + valence.offsetWidth + 8 < this.frame.width;
    valence.style.transform = `translate(${fits ? outside : x + half - valence.offsetWidth - 8}px, ${y - 22}px)`;
    this.redraw();
  }

  paintDots() {
    const { map } = this.store.state;
    const { ratio } = this.frame;
    const place = (/** @type {number} */ valence, /** @type {number} */ arousal) => {
      const [x, y] = this.place({ valence, arousal });
      return /** @type {[number, number]} */ ([x * ratio, y * ratio]);
    };
    const started = performance.now();
    const none = { snapshot_id: null, scale: "", ids: [], valence: [], arousal: [] };
    paintDots(this.layers[1], map || none, place, ratio, isDark());
    this.root.dataset.crowded = String((map?.ids.length ?? 0) > CROWD);
    if (map) performance.measure("paint-dots", { start: started });
  }

  /** The likelihood of a clip's emotion, on a layer of its own under the dots. */
  paintDensity() {
    const { clip } = this.store.state;
    const { ratio, width, height, half } = this.frame;
    const c = /** @type {CanvasRenderingContext2D} */ (this.layers[3].getContext("2d"));
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    if (clip) {
      c.imageSmoothingQuality = "high";
      const side = 2 * half * DENSITY_REACH;
      const [left, top] = this.place({ valence: -DENSITY_REACH, arousal: DENSITY_REACH });
      c.drawImage(densityPicture(clip.answer.curve, isDark()), left, top, side, side);
    }
    this.redraw();
  }

  /** The circle and the tracks of the list, under the words. */
  paintHits() {
    const { state } = this.store;
    const { ratio, width, height } = this.frame;
    const dark = isDark();
    const c = /** @type {CanvasRenderingContext2D} */ (this.layers[4].getContext("2d"));
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    drawFrame(c, this.place, dark);
    const journey = !state.clip && modeOf(state.query, state.options, state.told) === "journey";
    drawHits(c, this.place, this.hits, { dark, pointed: state.pointed, journey });
    this.root.dataset.busy = String(state.items.length > 0 || Boolean(state.clip));
  }

  /** Draw the moving layer before the next frame. */
  redraw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  draw() {
    const { state } = this.store;
    const { ratio, width, height } = this.frame;
    const dark = isDark();
    const c = /** @type {CanvasRenderingContext2D} */ (this.layers[2].getContext("2d"));
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    this.asked.draw(c, dark);
    const pointed = state.pointed === null ? null : this.placeOfTrack(state.pointed);
    if (pointed) drawHalo(c, this.place(pointed), dark);
    if (state.placing) drawPlaced(c, this.place(state.placing.from), this.place(state.placing.at), dark);
    if (state.clip && state.moment) drawTarget(c, this.place(state.moment), dark);
    if (this.pad.matches(":focus-visible") && !this.stroke.length) drawCrosshair(c, this.place(this.cursor), dark);
    this.#drawPlaying(c, dark);
  }

  /** @param {CanvasRenderingContext2D} c @param {boolean} dark */
  #drawPlaying(c, dark) {
    const curve = this.store.state.playing?.emotion?.curve;
    const nowS = this.outside.nowS();
    if (!curve?.length || nowS === null) return;
    drawFollower(c, this.place, curve, nowS, { dark, still: this.still.matches });
    this.redraw();
  }

  /** The tracks the list shows. @returns {Item[]} */
  get hits() {
    return shownItems(this.store.state);
  }

  /** A dot so near that it is meant; in a crowd of dots none is. @param {PointerEvent} event @returns {?number} */
  dotAt(event) {
    const { map } = this.store.state;
    if (!map || map.ids.length > FEW) return null;
    const { valence, arousal } = this.affectOf(event);
    return this.grid?.nearest(valence, arousal, DOT_PX / this.frame.half) ?? null;
  }

  /** @param {number} id @returns {?Affect} */
  placeOfTrack(id) {
    return this.hits.find((item) => item.track.id === id) || this.grid?.placeOf(id) || null;
  }

  /**
   * Ask something else. What was removed from the list stays away while the question is only
   * edited, and may come back for a new one.
   * @param {Query} query @param {boolean} [edited]
   */
  ask(query, edited = false) {
    const { options } = this.store.state;
    const excluded = edited ? options.excluded : [];
    this.store.set({ query, options: { ...options, excluded }, clip: null, hint: null });
  }

  /** @param {PointerEvent} event */
  press(event) {
    if (event.button !== 0) return;
    this.pad.setPointerCapture(event.pointerId);
    const at = this.affectOf(event);
    this.pressed = { x: event.clientX, y: event.clientY };
    if (this.placing?.active) {
      this.placing.to(at);
      return;
    }
    const taken = event.altKey ? this.hitAt(event, 12) : null;
    if (taken) this.placing?.begin(taken.track);
    if (taken) return;
    this.held = this.handleAt(event);
    this.stroke = this.held < 0 ? [{ ...at, ms: event.timeStamp }] : [];
    this.cursor = at;
    this.words.forget();
    this.store.set({ pointed: null });
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (this.placing?.active) {
      if (this.pressed) this.placing.to(this.affectOf(event));
      return;
    }
    if (!this.pressed) {
      this.point(event);
      return;
    }
    if (this.held >= 0) {
      this.moveKeyframe(this.held, this.affectOf(event));
      return;
    }
    const far = Math.hypot(event.clientX - this.pressed.x, event.clientY - this.pressed.y) > TAP_PX;
    if (!far && !this.store.state.drawing) return;
    const events = event.getCoalescedEvents?.() || [];
    for (const e of events.length ? events : [event]) {
      this.stroke.push({ ...this.affectOf(e), ms: e.timeStamp });
    }
    const keyframes = keyframesFromStroke(this.stroke, NEW_PATH_S);
    if (!this.store.state.drawing) this.store.set({ drawing: true });
    this.ask({ kind: "curve", keyframes });
  }

  /** @param {PointerEvent} event */
  release(event) {
    if (this.placing?.active) {
      this.pressed = null;
      return;
    }
    const wasDrawing = this.store.state.drawing;
    const moved = this.held >= 0;
    const pressed = this.pressed;
    this.abandon();
    if (wasDrawing || moved || !pressed) return;
    const hit = this.hitAt(event, 12);
    const word = this.words.at(event);
    const dot = this.dotAt(event);
    if (hit) this.outside.play(hit);
    else if (word) this.ask({ kind: "mood", word });
    else if (dot !== null) this.outside.playTrack(dot);
    else this.ask({ kind: "curve", keyframes: steady(this.affectOf(event)) });
  }

  abandon() {
    this.pressed = null;
    this.held = -1;
    this.stroke = [];
    this.store.set({ drawing: false });
    this.redraw();
  }

  /** Show what lies under the pointer. @param {PointerEvent} event */
  point(event) {
    const word = this.words.point(event);
    const hit = this.hitAt(event, 12);
    const at = this.affectOf(event);
    const reach = 9 / this.frame.half;
    const id = hit ? hit.track.id : word ? null : (this.grid?.nearest(at.valence, at.arousal, reach) ?? null);
    this.pad.style.cursor = hit || word || this.dotAt(event) !== null ? "pointer" : this.handleAt(event) >= 0 ? "grab" : "crosshair";
    if (id !== this.store.state.pointed) this.store.set({ pointed: id });
  }

  /** @param {{clientX: number, clientY: number}} event @param {number} reachPx @returns {?Item} */
  hitAt(event, reachPx) {
    const box = this.pad.getBoundingClientRect();
    let best = null;
    let least = reachPx;
    for (const item of this.hits) {
      const [x, y] = this.place(item);
      const d = Math.hypot(event.clientX - box.left - x, event.clientY - box.top - y);
      if (d < least) [least, best] = [d, item];
    }
    return best;
  }

  /** Index of the keyframe under the pointer, or -1. @param {PointerEvent} event */
  handleAt(event) {
    const frames = lineToChange(this.store.state);
    if (!frames) return -1;
    const box = this.pad.getBoundingClientRect();
    return frames.findIndex((frame) => {
      const [x, y] = this.place(frame);
      return Math.hypot(event.clientX - box.left - x, event.clientY - box.top - y) < 11;
    });
  }

  /** @param {number} index @param {Affect} at */
  moveKeyframe(index, at) {
    const frames = lineToChange(this.store.state);
    if (!frames) return;
    const all = isSteady(frames);
    const keyframes = frames.map((frame, i) => (all || i === index ? { ...frame, ...at } : frame));
    this.ask({ kind: "curve", keyframes }, true);
  }
}

/** What the marks on the plane are. @param {State} state */
function caption({ items, clip, catalogue, query }) {
  if (clip) return "line: how it moves · shade: where it is likely";
  if (query.kind === "none" || !items.length) return catalogue === "ready" ? "each dot is a track" : "";
  return "large dots: this playlist";
}
