/**
 * "I feel it here": a track's dot is taken and put elsewhere, by pointer, finger or keyboard.
 *
 * @import {Affect, Track} from "./types.js"
 * @import {Plane} from "./plane.js"
 * @import {Store} from "./store.js"
 */

import { felt, forget, place, skip } from "./profile.js";
import { byId, signed, titleOf } from "./text.js";

/** Arousal of a held dot that the bar at the bottom would cover. */
const LOW = -0.3;

/** @typedef {{text: string, done: () => void, stop: () => void}} Round One song of several that are rated. */

export class Placing {
  /**
   * @param {Store} store @param {Plane} plane
   * @param {{say: (text: string) => void, fail: (text: string) => void, undoable: (text: string, undo: () => void) => void, changed: () => Promise<void>}} outside
   */
  constructor(store, plane, outside) {
    this.store = store;
    this.plane = plane;
    this.outside = outside;
    /** @type {?Round} */
    this.round = null;
    this.bar = byId("placing");
    byId("placing-keep").addEventListener("click", () => this.keep());
    byId("placing-skip").addEventListener("click", () => this.skip());
    byId("placing-cancel").addEventListener("click", () => this.cancel());
    plane.placing = this;
    store.on(["placing"], () => this.#show());
    store.on(["options"], ({ options, placing }) => placing && options.scale !== "relative" && this.cancel());
  }

  /** Whether a dot is held. */
  get active() {
    return this.store.state.placing !== null;
  }

  /** Take a track's dot. @param {Track} track @param {?Round} [round] */
  async begin(track, round = null) {
    try {
      const known = await felt(track.id);
      this.round = round;
      this.before = known.said ? known.felt : null;
      const { options } = this.store.state;
      if (options.scale !== "relative") this.store.set({ options: { ...options, scale: "relative" } });
      this.store.set({ placing: { track, from: known.felt, at: known.felt } });
      this.plane.pad.focus();
      this.outside.say(`Where do you feel ${titleOf(track)}? Arrow keys move it, Enter keeps it, Escape leaves it.`);
    } catch (error) {
      this.outside.fail(/** @type {Error} */ (error).message);
    }
  }

  /** Hold it elsewhere. @param {Affect} at @param {boolean} [spoken] */
  to(at, spoken = false) {
    const { placing } = this.store.state;
    if (!placing) return;
    this.store.set({ placing: { ...placing, at } });
    if (spoken) this.outside.say(`valence ${signed(at.valence)}, arousal ${signed(at.arousal)}`);
  }

  /** It is felt where it is held now. */
  async keep() {
    const { placing } = this.store.state;
    if (!placing) return;
    const { track, at } = placing;
    const before = this.before;
    if (!(await this.#told(() => place(track.id, at)))) return;
    const undo = () => this.#told(() => (before ? place(track.id, before) : forget(track.id)));
    if (!this.round) this.outside.undoable(`“${titleOf(track)}” lies where you feel it.`, undo);
    this.#end("done");
  }

  /** No answer, and no other question about it. */
  async skip() {
    const { placing } = this.store.state;
    if (placing && (await this.#told(() => skip(placing.track.id)))) this.#end("done");
  }

  /** Leave it where it was. */
  cancel() {
    this.#end("stop");
  }

  /** Hold nothing any more. @param {"done" | "stop"} how What the round is told. */
  #end(how) {
    const { round } = this;
    this.round = null;
    this.store.set({ placing: null });
    round?.[how]();
  }

  /** Tell the service, then show what follows. @param {() => Promise<any>} what @returns {Promise<boolean>} */
  async #told(what) {
    try {
      await what();
      await this.outside.changed();
      return true;
    } catch (error) {
      this.outside.fail(/** @type {Error} */ (error).message);
      return false;
    }
  }

  #show() {
    const { placing } = this.store.state;
    this.bar.hidden = !placing;
    this.bar.classList.toggle("placing--above", Boolean(placing && placing.at.arousal < LOW));
    byId("placing-skip").hidden = !this.round;
    byId("placing-cancel").textContent = this.round ? "Stop" : "Cancel";
    if (placing) byId("placing-text").textContent = `${this.round ? `${this.round.text} · ` : ""}Where do you feel “${titleOf(placing.track)}”?`;
  }
}
