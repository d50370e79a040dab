/**
 * What narrows the list, above it: each a chip with plus or minus, which can be turned and removed.
 *
 * @import {Options, Query, Term} from "./types.js"
 * @import {State, Store} from "./store.js"
 */

import { termName, termWords, withoutTerm, withTerm } from "./terms.js";
import { byId, clock, element } from "./text.js";

export class Chips {
  /** @param {Store} store @param {{say: (text: string) => void}} outside */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.root = byId("chips");
    this.narrow = this.narrow.bind(this);
    store.on(["options", "query", "clip"], (state) => this.fill(state));
  }

  /** Ask for what has the term alone, or leave it out. @param {Term} term */
  narrow(term) {
    const { options, query } = this.store.state;
    const terms = withTerm(options.terms, term);
    this.store.set({ options: { ...options, terms }, clip: null, ...(hasNoTracks(query) && { query: { kind: "group", of: "all", name: "" } }) });
    this.outside.say(termName(term));
  }

  /** @param {State} state */
  fill({ options, query, clip }) {
    const held = document.activeElement?.closest("#chips") ? document.activeElement.getAttribute("data-chip") : null;
    const chips = [...options.terms.map((term) => this.chip(term)), ...this.ranges(options)];
    this.root.replaceChildren(...chips);
    this.root.hidden = !chips.length || Boolean(clip) || hasNoTracks(query) || query.kind === "station";
    const again = held && [...this.root.querySelectorAll("button")].find((node) => node.getAttribute("data-chip") === held);
    if (again) again.focus();
    else if (held) (this.root.querySelector("button") || byId("list")).focus();
  }

  /** @param {Term} term */
  chip(term) {
    const words = termWords(term);
    const turned = { ...term, not: !term.not };
    const turn = () => {
      this.store.set({ options: { ...this.store.state.options, terms: this.store.state.options.terms.map((each) => (each === term ? turned : each)) } });
      this.outside.say(termName(turned));
    };
    const name = termName(term);
    return element("li", { class: `term${term.not ? " term--not" : ""}` },
      element("button", { class: "term__sign", type: "button", "data-chip": `sign ${words}`, "aria-label": `${name}: turn it round`, title: term.not ? "Left out. Click to ask for it" : "Asked for. Click to leave it out", onclick: turn }, term.not ? "−" : "+"),
      element("span", { class: "term__words", dir: "auto", title: name }, words),
      this.cross(name, () => ({ terms: withoutTerm(this.store.state.options.terms, term) })));
  }

  /** @param {string} name @param {() => Partial<Options>} change */
  cross(name, change) {
    return element("button", {
      class: "term__cross", type: "button", "data-chip": `cross ${name}`, "aria-label": `${name}: remove`, title: "Remove",
      onclick: () => this.store.set({ options: { ...this.store.state.options, ...change() } }),
    }, "×");
  }

  /** What the form narrowed: years and lengths. @param {Options} options */
  ranges({ yearMin, yearMax, durationMin, durationMax }) {
    const found = [];
    if (yearMin !== null || yearMax !== null) found.push(this.range(between(yearMin, yearMax, String), () => ({ yearMin: null, yearMax: null })));
    if (durationMin !== null || durationMax !== null) found.push(this.range(between(durationMin, durationMax, clock), () => ({ durationMin: null, durationMax: null })));
    return found;
  }

  /** @param {string} words @param {() => Partial<Options>} without */
  range(words, without) {
    return element("li", { class: "term term--range" }, element("span", { class: "term__words" }, words), this.cross(words, without));
  }
}

/** Whether no tracks are listed for it. @param {Query} query */
function hasNoTracks(query) {
  return query.kind === "none" || (query.kind === "browse" && query.what !== "track");
}

/** @param {?number} low @param {?number} high @param {(value: number) => string} written */
function between(low, high, written) {
  if (low !== null && high !== null) return `${written(low)} to ${written(high)}`;
  return low !== null ? `from ${written(low)}` : `up to ${written(/** @type {number} */ (high))}`;
}
