/**
 * Asking while the visitor draws: one question under way, the newest next, none answered twice.
 *
 * @import {Query, Told} from "./types.js"
 * @import {Store} from "./store.js"
 */

import { answerTo, Problem, Unreachable } from "./api.js";
import { toHash } from "./link.js";

const PAUSE_MS = 25;
/** An answer that takes longer is waited for visibly. */
const PATIENCE_MS = 400;

export class Search {
  /**
   * @param {Store} store
   * @param {{lost: () => void, changed: () => void}} outside
   *   `lost`: the service does not answer; `changed`: it answers from another snapshot than is shown.
   */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.timer = 0;
    this.busy = false;
    this.asked = "";
    store.on(["query", "options"], () => this.wish());
  }

  /** A question may have changed: ask soon. */
  wish() {
    const { query } = this.store.state;
    if (query.kind === "none" || query.kind === "browse") {
      this.asked = "";
      this.store.set({ items: [], answer: "idle", arranged: false, told: null });
      return;
    }
    if (this.key() === this.asked || this.timer || this.busy) return;
    this.timer = window.setTimeout(() => this.ask(), PAUSE_MS);
  }

  /** Ask the same again, because the catalogue or the connection changed. */
  again() {
    this.asked = "";
    this.wish();
  }

  /** What makes an answer different. What the visitor removed is only left out from now on. */
  key() {
    const { query, options } = this.store.state;
    return JSON.stringify([query, { ...options, excluded: [] }]);
  }

  async ask() {
    this.timer = 0;
    const { query, options } = this.store.state;
    if (query.kind === "none" || query.kind === "browse") return;
    this.busy = true;
    this.asked = this.key();
    const started = performance.now();
    const patience = window.setTimeout(() => this.store.set({ answer: "asking" }), PATIENCE_MS);
    try {
      const answer = await answerTo(query, options).finally(() => clearTimeout(patience));
      const now = this.store.state.query.kind;
      if (now !== "none" && now !== "browse") {
        this.store.set({ items: answer.items, told: toldBy(answer, query), answer: "answered", refusal: "", arranged: false });
        performance.measure("answer", { start: started, detail: toHash(query, options) });
        if (this.store.state.map && answer.snapshot_id !== this.store.state.map.snapshot_id) this.outside.changed();
      }
    } catch (error) {
      if (error instanceof Unreachable) {
        this.store.set({ answer: "asking" });
        this.outside.lost();
      } else {
        const near = error instanceof Problem ? error.suggestions : [];
        this.store.set({ items: [], told: { ...toldBy({}, query), near }, answer: "refused", refusal: /** @type {Error} */ (error).message });
      }
    }
    this.busy = false;
    if (this.store.state.connected) this.wish();
  }
}

/** @param {Partial<Told>} answer @param {Query} query @returns {Told} */
function toldBy({ understood = null, unmatched = [], variety = null, note = null, total = null, name = "" }, query) {
  return { text: query.kind === "text" ? query.text : "", understood, near: [], unmatched, variety, note, total, name };
}
