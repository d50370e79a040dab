/**
 * How a phrase was read, under the heading: in words, what was not understood, and the nearest words.
 *
 * @import {Query} from "./types.js"
 * @import {State, Store} from "./store.js"
 */

import { folded } from "./found.js";
import { toldOf } from "./link.js";
import { byId, capital, element } from "./text.js";

export class Reading {
  /** @param {Store} store @param {{ask: (query: Query) => void}} outside */
  constructor(store, outside) {
    this.outside = outside;
    this.root = byId("reading");
    store.on(["told", "query", "clip"], (state) => this.fill(state));
  }

  /** @param {State} state */
  fill({ told, query, clip }) {
    const own = clip ? null : toldOf(query, told);
    const lines = own ? this.lines(own) : [];
    if (told && !clip) lines.push(...unmatchedLines(told), ...(told.note ? [element("p", {}, `${capital(told.note)}.`)] : []), ...varietyLine(told));
    this.root.replaceChildren(...lines);
    this.root.hidden = !lines.length;
  }

  /** @param {import("./types.js").Told} told */
  lines({ text, understood, near }) {
    if (!understood) return near.length ? [element("p", {}, "Near to it: ", ...this.offers(text, text, near))] : [];
    const read = folded(understood.words) === folded(text) ? [] : [element("p", {}, `“${text}”, read as: ${understood.words}.`)];
    return [...read, ...understood.not_understood.map((word) => element("p", {}, `“${word.text}” was not understood.`, word.near.length ? " Near to it: " : "", ...this.offers(text, word.text, word.near)))];
  }

  /** Words to take in place of one. @param {string} text @param {string} word @param {string[]} near */
  offers(text, word, near) {
    return near.map((other) => {
      const at = folded(text).indexOf(folded(word));
      const whole = word === text || at < 0 ? other : text.slice(0, at) + other + text.slice(at + word.length);
      return element("button", { class: "chip", type: "button", onclick: () => this.outside.ask({ kind: "text", text: whole }) }, other);
    });
  }
}

/** @param {import("./types.js").Told} told */
function unmatchedLines({ unmatched }) {
  return unmatched.map(({ filter, value, near }) => {
    const hint = near.length ? ` Near to it: ${near.join(", ")}.` : "";
    return element("p", {}, `No track here has the ${filter.replace(/^.*\./, "")} “${value}”.${hint}`);
  });
}

/** @param {import("./types.js").Told} told */
function varietyLine({ variety }) {
  if (!variety || !variety.amount || !variety.replaced) return [];
  const lost = Math.abs(variety.below_best) < 0.005 ? "at no loss of fit" : `for ${variety.below_best.toFixed(2)} of the score`;
  return [element("p", {}, `${variety.replaced} of them in place of the best, ${lost}.`)];
}
