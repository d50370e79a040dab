/**
 * A clip dropped anywhere: bring it to the service, show what comes back.
 *
 * @import {Clip, Options, Query} from "./types.js"
 * @import {Store} from "./store.js"
 */

import { clipEmotion } from "./api.js";
import { clipKeyframes } from "./geometry.js";
import { defaultOptions } from "./link.js";
import { byId } from "./text.js";

/**
 * The question that finds what is like a clip: its movement, matched.
 * @param {Clip} clip @param {Options} options @returns {[Query, Options]}
 */
export function clipQuestion(clip, options) {
  return [{ kind: "curve", keyframes: clipKeyframes(clip) }, { ...defaultOptions(), mode: "match", scale: clip.answer.scale === "absolute" ? "absolute" : options.scale }];
}

export class ClipDrop {
  /** @param {Store} store @param {{fail: (text: string) => void, say: (text: string) => void}} outside */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.veil = byId("veil");
    this.input = /** @type {HTMLInputElement} */ (byId("clip-file"));
    this.depth = 0;
    byId("open-clip").addEventListener("click", () => this.input.click());
    this.input.addEventListener("change", () => this.chosen());
    window.addEventListener("dragenter", (event) => this.hover(event, 1));
    window.addEventListener("dragleave", (event) => this.hover(event, -1));
    window.addEventListener("dragover", (event) => event.preventDefault());
    window.addEventListener("drop", (event) => this.drop(event));
  }

  chosen() {
    const file = this.input.files?.[0];
    this.input.value = "";
    if (file) this.analyse(file);
  }

  /** @param {DragEvent} event @param {number} by */
  hover(event, by) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.depth = Math.max(0, this.depth + by);
    this.veil.hidden = this.depth === 0;
  }

  /** @param {DragEvent} event */
  drop(event) {
    event.preventDefault();
    this.depth = 0;
    this.veil.hidden = true;
    const file = event.dataTransfer?.files[0];
    if (file) this.analyse(file);
  }

  /** @param {File} file */
  async analyse(file) {
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.store.set({ uploading: file.name });
    try {
      const { catalogue, options } = this.store.state;
      const scale = catalogue === "ready" ? options.scale : "absolute";
      const answer = await clipEmotion(file, scale, running.signal);
      const old = this.store.state.clip;
      if (old) URL.revokeObjectURL(old.url);
      this.store.set({ clip: { name: file.name, url: URL.createObjectURL(file), answer }, uploading: null });
      const note = answer.note ? ` It is ${answer.note}.` : "";
      this.outside.say(`The emotion curve of ${file.name} is shown.${note}`);
    } catch (error) {
      if (running.signal.aborted) return;
      this.store.set({ uploading: null });
      this.outside.fail(`${file.name}: ${/** @type {Error} */ (error).message}`);
    }
  }
}
