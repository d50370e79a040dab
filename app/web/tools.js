/**
 * Everything around the list: mode, refinements, saving, copying.
 *
 * @import {Options} from "./types.js"
 * @import {State, Store} from "./store.js"
 */

import { curlOf, request } from "./api.js";
import { clipQuestion } from "./clip.js";
import { clamp, durationOf, stretched } from "./geometry.js";
import { modeOf, pathOf, toHash } from "./link.js";
import { shownItems } from "./store.js";
import { parseTerm, withoutTerm, withTerm } from "./terms.js";
import { byId, clock, counted, element, parseClock } from "./text.js";

/** Tracks that the service leaves out at most. */
const MOST_EXCLUDED = 10_000;
/** Genres that are offered as buttons; others can be typed. */
const MOST_GENRES = 12;
/** Formats the service writes, and the ends of their file names. */
const FORMATS = ["m3u8", "xspf", "jspf", "csv"];

export { closeMenus };

export class Tools {
  /** @param {Store} store @param {{say: (text: string, shown?: boolean) => void, fail: (text: string) => void, playAll: () => void, again: () => void}} outside */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.form = /** @type {HTMLFormElement} */ (byId("refine-form"));
    this.form.addEventListener("change", () => this.readForm());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      closeMenus();
      byId("refine").querySelector("summary")?.focus();
    });
    this.form.addEventListener("reset", () => setTimeout(() => this.readForm()));
    for (const mode of /** @type {const} */ (["match", "journey"])) {
      byId(mode).addEventListener("change", () => this.set({ mode }));
    }
    for (const format of FORMATS) byId(`save-${format}`).addEventListener("click", () => this.save(format));
    byId("copy-curl").addEventListener("click", () => this.copy(curlOf(...this.question), "The curl command is copied."));
    byId("copy-link").addEventListener("click", () => this.copy(linkTo(...this.question), "The link is copied."));
    byId("play-all").addEventListener("click", () => outside.playAll());
    byId("others").addEventListener("click", () => this.others());
    for (const not of [false, true]) byId(not ? "term-not" : "term-only").addEventListener("click", () => this.addTerm(not));
    byId("term-value").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" || !byId("term-value").value.trim()) return;
      event.preventDefault();
      this.addTerm(event.altKey);
    });
    closeMenusOutside();
    store.on(["options", "query", "told"], (state) => this.writeForm(state));
    store.on(["library", "options"], (state) => this.offerGenres(state));
  }

  /** A chip of what was typed. @param {boolean} not */
  addTerm(not) {
    const value = byId("term-value").value.trim();
    const kind = byId("term-kind").value;
    const term = value && parseTerm(`${kind}:${kind === "decade" ? value.replace(/s$/, "") : value}`, not);
    byId("term-value").setAttribute("aria-invalid", String(!term));
    if (!term) return;
    this.set({ terms: withTerm(this.store.state.options.terms, term) });
    byId("term-value").value = "";
    byId("term-value").focus();
  }

  /** The library's largest genres, to choose from. @param {State} state */
  offerGenres({ library, options }) {
    const offered = (library?.genres || []).slice(0, MOST_GENRES);
    const buttons = offered.map((/** @type {{name: string, tracks: number}} */ { name, tracks }) => {
      const term = /** @type {import("./types.js").Term} */ ({ not: false, what: "genre", value: name });
      const left = withoutTerm(options.terms, term);
      const on = left.length < options.terms.length;
      return element("button", {
        class: "chip", type: "button", dir: "auto", "aria-pressed": String(on), "data-genre": name,
        title: counted(tracks, "track"), onclick: () => this.set({ terms: on ? left : withTerm(options.terms, term) }),
      }, name);
    });
    const held = document.activeElement?.getAttribute("data-genre");
    byId("genres").replaceChildren(...buttons);
    byId("genres").hidden = !buttons.length;
    if (held) buttons.find((/** @type {HTMLElement} */ button) => button.dataset.genre === held)?.focus();
  }

  /** @param {Partial<Options>} change */
  set(change) {
    this.store.set({ options: { ...this.store.state.options, ...change } });
  }

  /** The same question, answered without what stands there now. */
  others() {
    const { items, options } = this.store.state;
    if (options.variety) {
      this.set({ seed: drawn() });
      return;
    }
    this.set({ excluded: [...options.excluded, ...items.map(({ track }) => track.id)].slice(-MOST_EXCLUDED) });
    this.outside.again();
  }

  /** What is asked, or what would be with the clip that is shown. @returns {[import("./types.js").Query, Options]} */
  get question() {
    const { query, options, clip } = this.store.state;
    return clip ? clipQuestion(clip, options) : [query, options];
  }

  /** @param {string} name @returns {any} */
  input(name) {
    return this.form.elements.namedItem(name);
  }

  readForm() {
    const number = (/** @type {string} */ name) => {
      const text = this.input(name).value.trim();
      return text === "" || !Number.isFinite(Number(text)) ? null : Math.round(Number(text));
    };
    const [cap, minutes, limit] = [number("maxPerArtist"), number("minutes"), number("limit")];
    const { options, query, told } = this.store.state;
    const variety = Number(this.input("variety").value);
    const lasts = minutes === null ? null : clamp(minutes, 1, 1440);
    const path = pathOf(query, told);
    this.set({
      limit: limit === null ? null : clamp(limit, 1, 500),
      minutes: path ? null : lasts,
      maxPerArtist: cap === null ? null : clamp(cap, 1, 500),
      variety,
      seed: variety ? options.seed ?? drawn() : null,
      yearMin: number("yearMin"),
      yearMax: number("yearMax"),
      durationMin: parseClock(this.input("durationMin").value),
      durationMax: parseClock(this.input("durationMax").value),
      scale: this.input("absolute").checked ? "absolute" : "relative",
      level: this.input("moments").checked ? "segment" : "track",
      everything: this.input("everything").checked,
    });
    // A line lasts as long as its list: other minutes stretch it.
    if (path && lasts && limit === null && Math.round(durationOf(path) / 60) !== lasts) {
      this.store.set({ query: { kind: "curve", keyframes: stretched(path, 60 * lasts) } });
    }
  }

  /** @param {State} state */
  writeForm({ query, options, told }) {
    byId(modeOf(query, options, told)).checked = true;
    const pathS = durationOf(pathOf(query, told) || []);
    const lasts = pathS && options.limit === null ? Math.max(1, Math.round(pathS / 60)) : options.minutes;
    const text = (/** @type {?number} */ value) => (value === null ? "" : String(value));
    const values = /** @type {Record<string, string>} */ ({
      limit: text(options.limit),
      minutes: text(options.limit === null || !pathS ? lasts : null),
      maxPerArtist: text(options.maxPerArtist),
      yearMin: text(options.yearMin),
      yearMax: text(options.yearMax),
      durationMin: options.durationMin === null ? "" : clock(options.durationMin),
      durationMax: options.durationMax === null ? "" : clock(options.durationMax),
    });
    for (const [name, value] of Object.entries(values)) {
      if (document.activeElement !== this.input(name)) this.input(name).value = value;
    }
    this.input("limit").disabled = options.minutes !== null;
    this.input("limit").placeholder = lasts ? "any" : "20";
    this.input("variety").value = String(options.variety);
    this.input("absolute").checked = options.scale === "absolute";
    this.input("moments").checked = options.level === "segment";
    this.input("everything").checked = options.everything;
    const count = [
      ...options.terms, options.yearMin ?? options.yearMax, options.durationMin ?? options.durationMax,
      options.maxPerArtist, options.minutes, options.variety, options.level === "segment", options.everything,
    ].filter(Boolean).length;
    byId("refine-count").textContent = count ? `· ${count}` : "";
  }

  /** Save the list as it stands, in the order the visitor gave it. @param {string} format */
  async save(format) {
    const { options, query, told, clip } = this.store.state;
    const body = {
      title: (byId("heading").textContent || "Circumplex").slice(0, 200),
      mode: clip ? "match" : modeOf(query, options, told),
      scale: clip ? clip.answer.scale : options.scale,
      items: shownItems(this.store.state).map(({ track, segment, score, rho_sim, neg_kl, valence, arousal }) => (
        { track_id: track.id, ...segment, score, rho_sim, neg_kl, valence, arousal })),
    };
    try {
      const response = await request(`v1/playlists/files?format=${format}`, {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
      });
      const named = /filename="?([^";]+)/.exec(response.headers.get("content-disposition") || "");
      offer(await response.blob(), named ? named[1] : `playlist.${format}`);
      this.outside.say(`Saved as ${format.toUpperCase()}`);
    } catch (error) {
      this.outside.fail(`Not saved: ${/** @type {Error} */ (error).message}`);
    }
    closeMenus();
  }

  /** @param {string} text @param {string} done */
  async copy(text, done) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copyOldWay(text);
    }
    this.outside.say(done, true);
    closeMenus();
  }
}

/** @param {import("./types.js").Query} query @param {Options} options */
function linkTo(query, options) {
  return new URL(`#${toHash(query, options)}`, document.baseURI).href;
}

/** A number that says what is drawn. */
function drawn() {
  return Math.floor(Math.random() * 2 ** 31);
}

/** Where the clipboard is closed (no HTTPS): a field, selected. @param {string} text */
function copyOldWay(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

/** @param {Blob} blob @param {string} name */
function offer(blob, name) {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(blob);
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10_000);
}

/** @param {Element} [except] */
function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.removeAttribute("open");
  }
}

function closeMenusOutside() {
  document.addEventListener("pointerdown", (event) => {
    const inside = event.target instanceof Element ? event.target.closest("details.menu") : null;
    closeMenus(inside || undefined);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.menu[open]");
    if (!open) return;
    event.stopImmediatePropagation();
    closeMenus();
    open.querySelector("summary")?.focus();
  });
}
