/**
 * The address bar follows the question, and the browser's back button leads to the question before.
 *
 * @import {Store} from "./store.js"
 */

import { fromHash, toHash } from "./link.js";

/** Changes that follow each other faster belong to one step back: a drag, a word being typed. */
const ONE_STEP_MS = 1000;

/** @param {Store} store @param {{back: () => void}} outside `back`: the question came from the address. */
export function followAddress(store, { back }) {
  let written = window.location.hash.slice(1);
  let changedMs = -Infinity;
  window.addEventListener("hashchange", () => {
    const hash = window.location.hash.slice(1);
    if (hash === written) return;
    written = hash;
    store.set({ ...fromHash(hash), clip: null });
    back();
  });
  store.on(["query", "options", "drawing"], ({ query, options, drawing }) => {
    const hash = toHash(query, options);
    if (drawing || hash === written) return;
    const address = window.location.pathname + window.location.search + (hash && `#${hash}`);
    const step = performance.now() - changedMs > ONE_STEP_MS;
    const came = toHash(fromHash(written).query, fromHash(written).options) === hash;
    window.history[step && !came ? "pushState" : "replaceState"](null, "", address);
    changedMs = performance.now();
    written = hash;
  });
}
