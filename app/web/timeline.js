/**
 * The strip under the plane: time. It edits the asked path's keyframes, shows a clip's curve with
 * its uncertainty, and offers first movements to a visitor who has drawn nothing.
 *
 * @import {Clip, Keyframe, Query} from "./types.js"
 * @import {State, Store} from "./store.js"
 */

import { AXES, bands, ground, layout, line, nameHeights, table } from "./chart.js";
import { EXAMPLES } from "./examples.js";
import { curveOf, isListed, pathOf } from "./link.js";
import { affectAt, clamp, durationOf, clipKeyframes, MIN_GAP_S, round, steady, stretched } from "./geometry.js";
import { lineToChange } from "./store.js";
import { byId, clock, counted, element, nearestWord, parseClock, signed, svg } from "./text.js";

export class Strip {
  /**
   * @param {Store} store
   * @param {{ask: (query: Query, edited?: boolean) => void, nowS: () => ?number, seek: (t: number) => void,
   *   listen: (clip: Clip) => void}} outside
   */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.root = byId("strip");
    this.side = byId("strip-side");
    this.chart = byId("chart");
    /** @type {?{index: number, axis: "valence" | "arousal" | null}} */
    this.held = null;
    /** @type {?import("./chart.js").Layout} */
    this.at = null;
    this.kind = "";
    this.heldDuration = 0;
    this.waiting = 0;
    new ResizeObserver(() => this.soon()).observe(this.chart);
    store.on(["query", "options", "told", "clip", "drawing", "moods", "catalogue", "preview"], () => this.soon());
    store.on(["playing"], () => this.tick());
    store.on(["moment"], (state) => this.read(state));
  }

  /** Show the state once before the next frame, however often it changes. */
  soon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.show(this.store.state);
    });
  }

  /** @param {State} state */
  show(state) {
    const { clip, query } = state;
    const path = pathOf(query, state.told);
    const kind = clip ? "clip" : path ? "path" : query.kind === "none" || query.kind === "browse" ? "start" : "steady";
    this.root.dataset.kind = kind;
    if (this.kind !== kind || kind === "clip") this.fillSide(kind, state);
    this.kind = kind;
    if (clip) this.showClip(clip);
    else if (path) this.showPath(path);
    else if (kind === "start") this.showExample(state);
    else this.showSteady(state);
  }

  /** @param {string} kind @param {State} state */
  fillSide(kind, { clip }) {
    const parts = [];
    if (kind === "path") {
      this.duration = element("input", {
        id: "duration", type: "text", inputMode: "numeric", autocomplete: "off", size: 7,
        onchange: () => this.setDuration(),
      });
      parts.push(element("label", {
        class: "field", title: "How long the list lasts: it holds as many tracks as fill that time.",
      }, "Lasts", this.duration));
      parts.push(element("p", { class: "quiet" }, "Drag the points: along for time, up and down for feeling."));
    } else if (clip) {
      parts.push(element("p", { class: "strip__title" }, clip.name));
      this.facts = element("p", { class: "quiet" }, clipFacts(clip));
      parts.push(this.facts);
      parts.push(element("div", { class: "row" },
        element("button", { class: "button", type: "button", id: "clip-query", onclick: () => this.askWithClip(clip) }, "Use this curve as query"),
        element("button", { class: "button button--quiet", type: "button", onclick: () => this.outside.listen(clip) }, "Listen"),
        element("button", { class: "button button--quiet", type: "button", onclick: () => this.store.set({ clip: null }) }, "Close")));
    }
    this.side.replaceChildren(...parts);
  }

  /** @param {Clip} clip */
  askWithClip(clip) {
    this.outside.ask({ kind: "curve", keyframes: clipKeyframes(clip) });
    this.root.focus();
  }

  setDuration() {
    const curve = lineToChange(this.store.state);
    const seconds = parseClock(this.duration?.value || "");
    if (!curve || !this.duration) return;
    if (seconds === null || seconds < 2 || seconds > 86400) {
      this.duration.value = clock(durationOf(curve));
      return;
    }
    this.store.set({ options: { ...this.store.state.options, limit: null, minutes: null } });
    this.outside.ask({ kind: "curve", keyframes: stretched(curve, seconds) }, true);
  }

  /** @param {number} durationS @param {Record<string, string>} [named] Role and name. @returns {SVGElement} */
  canvas(durationS, named = { "aria-hidden": "true" }) {
    this.at = layout(this.chart.clientWidth, this.chart.clientHeight, durationS);
    const { width, height } = this.at;
    return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, class: "chart", ...named }, ground(this.at));
  }

  /** @param {Clip} clip */
  showClip(clip) {
    const curve = clip.answer.curve;
    this.store.set({ moment: null });
    const drawing = this.canvas(Math.max(clip.answer.duration_s, durationOf(curve)));
    const at = /** @type {import("./chart.js").Layout} */ (this.at);
    const names = nameHeights(at, curve);
    for (const axis of AXES) drawing.append(bands(at, curve, axis));
    for (const axis of AXES) drawing.append(line(at, curve, axis, names[axis]));
    this.cursor = svg("line", { class: "chart__now", y1: 6, y2: at.height - 18, x1: -9, x2: -9 });
    this.pointer = svg("line", { class: "chart__pointer", y1: 6, y2: at.height - 18, x1: -9, x2: -9 });
    drawing.append(this.pointer, this.cursor);
    const time = (/** @type {Event} */ event) =>
      clamp(at.t(/** @type {MouseEvent} */ (event).clientX - drawing.getBoundingClientRect().left), 0, at.durationS);
    drawing.addEventListener("click", (event) => this.outside.seek(time(event)));
    drawing.addEventListener("pointermove", (event) => {
      const t = time(event);
      this.store.set({ moment: { t, ...affectAt(curve, t) } });
    });
    drawing.addEventListener("pointerleave", () => this.store.set({ moment: null }));
    this.chart.replaceChildren(drawing, table(curve, `Emotion curve of ${clip.name}`));
    this.tick();
  }

  /** Say where the clip is at the time that is pointed at. @param {State} state */
  read({ clip, moment }) {
    if (!clip || !this.pointer || !this.at || !this.facts) return;
    const x = String(moment ? this.at.x(moment.t) : -9);
    this.pointer.setAttribute("x1", x);
    this.pointer.setAttribute("x2", x);
    this.facts.textContent = moment
      ? `${clock(moment.t)} · valence ${signed(moment.valence)} · arousal ${signed(moment.arousal)}`
      : clipFacts(clip);
  }

  /** Move the line that marks the present moment. */
  tick() {
    const { playing, clip } = this.store.state;
    if (!clip || !this.cursor || !this.at) return;
    const own = playing && playing.id === null ? this.outside.nowS() : null;
    const x = own === null ? -9 : this.at.x(own);
    this.cursor.setAttribute("x1", String(x));
    this.cursor.setAttribute("x2", String(x));
    if (own !== null) requestAnimationFrame(() => this.tick());
  }

  /** @param {Keyframe[]} frames */
  showPath(frames) {
    const { limit } = this.store.state.options;
    if (this.duration) this.duration.placeholder = limit === null ? "" : counted(limit, "track");
    if (this.duration && document.activeElement !== this.duration) this.duration.value = limit === null ? clock(durationOf(frames)) : "";
    const focused = this.held ? null : document.activeElement?.getAttribute("data-keyframe");
    const drawing = this.canvas(this.heldDuration || durationOf(frames), { role: "group", "aria-label": "Points in time" });
    const at = /** @type {import("./chart.js").Layout} */ (this.at);
    const names = nameHeights(at, frames);
    for (const axis of AXES) drawing.append(line(at, frames, axis, names[axis]));
    frames.forEach((frame, index) => drawing.append(this.handle(at, frame, index, frames.length)));
    this.chart.replaceChildren(drawing);
    if (focused) this.chart.querySelector(`[data-keyframe="${focused}"]`)?.focus();
  }

  /** @param {import("./chart.js").Layout} at @param {Keyframe} frame @param {number} index @param {number} count */
  handle(at, frame, index, count) {
    const word = nearestWord(frame, this.store.state.moods);
    const group = svg("g", {
      class: "keyframe", tabindex: 0, role: "slider", "data-keyframe": index,
      "aria-label": `Point ${index + 1} of ${count}`, "aria-valuemin": 0, "aria-valuemax": round(at.durationS, 1),
      "aria-valuenow": round(frame.t, 1), "aria-orientation": "horizontal",
      "aria-valuetext": `${clock(frame.t)}, ${word}, valence ${signed(frame.valence)}, arousal ${signed(frame.arousal)}`,
    });
    const x = at.x(frame.t);
    group.append(svg("line", { x1: x, x2: x, y1: at.y(1), y2: at.y(-1), class: "keyframe__time" }));
    group.append(svg("rect", { x: x - 9, y: at.y(1), width: 18, height: at.y(-1) - at.y(1), class: "keyframe__grip" }));
    for (const axis of AXES) {
      const dot = svg("circle", { cx: x, cy: at.y(frame[axis]), r: 5, class: `keyframe__dot keyframe__dot--${axis}` });
      dot.addEventListener("pointerdown", (event) => this.take(/** @type {PointerEvent} */ (event), index, axis));
      group.append(dot);
    }
    group.addEventListener("pointerdown", (event) => this.take(/** @type {PointerEvent} */ (event), index, null));
    group.addEventListener("keydown", (event) => this.key(/** @type {KeyboardEvent} */ (event), index));
    group.addEventListener("dblclick", () => this.remove(index));
    return group;
  }

  /** @param {PointerEvent} event @param {number} index @param {"valence" | "arousal" | null} axis */
  take(event, index, axis) {
    event.preventDefault();
    event.stopPropagation();
    const curve = lineToChange(this.store.state);
    if (!curve) return;
    this.held = { index, axis };
    this.heldDuration = durationOf(curve);
    const move = (/** @type {PointerEvent} */ e) => this.drag(e);
    const drop = () => {
      this.held = null;
      this.heldDuration = 0;
      window.removeEventListener("pointermove", move);
      this.show(this.store.state);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", drop, { once: true });
    window.addEventListener("pointercancel", drop, { once: true });
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (!this.held || !this.at) return;
    const box = this.chart.getBoundingClientRect();
    const { index, axis } = this.held;
    /** @type {Partial<Keyframe>} */
    const change = { t: this.at.t(event.clientX - box.left) };
    if (axis) change[axis] = round(clamp(this.at.value(event.clientY - box.top), -1, 1));
    this.change(index, change);
  }

  /** @param {number} index @param {Partial<Keyframe>} change */
  change(index, change) {
    const curve = lineToChange(this.store.state);
    if (!curve) return;
    const frames = curve.map((frame) => ({ ...frame }));
    const low = index === 0 ? 0 : frames[index - 1].t + MIN_GAP_S;
    const high = index === 0 ? 0 : index === frames.length - 1 ? 86400 : frames[index + 1].t - MIN_GAP_S;
    const t = round(clamp(change.t ?? frames[index].t, low, Math.max(low, high)), 1);
    frames[index] = { ...frames[index], ...change, t };
    this.outside.ask({ kind: "curve", keyframes: frames }, true);
  }

  /** @param {KeyboardEvent} event @param {number} index */
  key(event, index) {
    const curve = lineToChange(this.store.state);
    if (!curve) return;
    const frame = curve[index];
    const step = event.shiftKey ? 60 : 5;
    const axis = event.altKey ? "valence" : "arousal";
    const moved = (/** @type {number} */ by) => ({ [axis]: round(clamp(frame[axis] + by, -1, 1)) });
    if (event.key === "ArrowLeft") this.change(index, { t: frame.t - step });
    else if (event.key === "ArrowRight") this.change(index, { t: frame.t + step });
    else if (event.key === "ArrowUp") this.change(index, moved(0.05));
    else if (event.key === "ArrowDown") this.change(index, moved(-0.05));
    else if (event.key === "Delete" || event.key === "Backspace") this.remove(index);
    else return;
    event.preventDefault();
  }

  /** @param {number} index */
  remove(index) {
    const curve = lineToChange(this.store.state);
    if (!curve || curve.length < 3) return;
    const left = curve.filter((_, i) => i !== index);
    const start = left[0].t;
    this.outside.ask({ kind: "curve", keyframes: left.map((f) => ({ ...f, t: round(f.t - start, 2) })) }, true);
  }

  /** Nothing is asked yet: show what a movement looks like in time. @param {State} state */
  showExample({ catalogue, preview }) {
    if (catalogue !== "ready") {
      const waits = catalogue === "empty" || catalogue === "indexing";
      this.chart.replaceChildren(...(waits ? [element("p", { class: "strip__steady quiet" }, "The feeling of a line or a clip over time stands here.")] : []));
      return;
    }
    const frames = preview || EXAMPLES[0].keyframes;
    const drawing = this.canvas(durationOf(frames));
    const at = /** @type {import("./chart.js").Layout} */ (this.at);
    const names = nameHeights(at, frames);
    for (const axis of AXES) drawing.append(line(at, frames, axis, names[axis]));
    this.chart.replaceChildren(drawing);
  }

  /** @param {State} state */
  showSteady({ query, moods, told }) {
    const curve = curveOf(query, told);
    const at = curve ? curve[0] : moods.find((m) => query.kind === "mood" && m.word === query.word);
    const start = at ? steady(at)[0] : null;
    const listed = isListed(query);
    const several = query.kind === "track" && query.ids.length > 1;
    const text = listed ? "its tracks, wherever they lie" : several ? "what these tracks share, held" : start ? `valence ${signed(start.valence)} · arousal ${signed(start.arousal)}, held` : "one feeling, held";
    this.chart.replaceChildren(element("p", { class: "strip__steady" }, element("span", { class: "quiet" }, text),
      element("span", { class: "quiet" }, listed ? "Draw a line for music that moves that way." : "Draw a line to let it move through time.")));
  }
}

/** @param {Clip} clip */
function clipFacts(clip) {
  return `${clock(clip.answer.duration_s)} · bands hold 50 % and 90 %`;
}
