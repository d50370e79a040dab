/**
 * Parts of the page that a first view does not need: fetched when they are asked for, once.
 */

import { fail } from "./toasts.js";

/**
 * @template T
 * @param {string} called The part in words, to begin a sentence with.
 * @param {() => Promise<T>} make Fetches the part and makes it.
 * @returns {(use: (part: T) => void) => Promise<void>} Uses the part; where it cannot be fetched, says so
 *   and offers to try again.
 */
export function later(called, make) {
  /** @type {?Promise<T>} */
  let making = null;
  return async function withPart(use) {
    making ||= make();
    let part;
    try {
      part = await making;
    } catch {
      making = null;
      fail(`${called} could not be loaded.`, () => withPart(use));
      return;
    }
    use(part);
  };
}
