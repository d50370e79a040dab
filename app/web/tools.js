/**
 * Everything around the list: mode, refinements, saving, copying.
 *
 * @import {Options} from "./types.js"
 * @import {State, Store} from "./store.js"
 */

import { curlOf, request } from "./api.js";
import { clamp } from "./geometry.js";
import { modeOf } from "./link.js";
import { byId, clock, counted, element, parseClock } from "./text.js";

/** Tracks that the service leaves out at most. */
const MOST_EXCLUDED = 10_000;
/** Genres that are offered as buttons; others can be typed. */
const MOST_GENRES = 12;
/** Formats the service writes, and the ends of their file names. */
const FORMATS = ["m3u8", "xspf", "jspf", "csv"];

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
    byId("copy-curl").addEventListener("click", () => this.copy(curlOf(store.state.query, store.state.options), "The curl command is copied."));
    byId("copy-link").addEventListener("click", () => this.copy(window.location.href, "The link is copied."));
    byId("play-all").addEventListener("click", () => outside.playAll());
    byId("others").addEventListener("click", () => this.others());
    closeMenusOutside();
    store.on(["options", "query"], (state) => this.writeForm(state));
    store.on(["library", "options"], (state) => this.offerGenres(state));
  }

  /** The library's largest genres, to choose from. @param {State} state */
  offerGenres({ library, options }) {
    const chosen = options.genre.map((name) => name.toLowerCase());
    const offered = (library?.genres || []).slice(0, MOST_GENRES);
    const buttons = offered.map((/** @type {{name: string, tracks: number}} */ { name, tracks }) => {
      const on = chosen.includes(name.toLowerCase());
      const genre = on ? options.genre.filter((other) => other.toLowerCase() !== name.toLowerCase()) : [...options.genre, name];
      return element("button", {
        class: "chip", type: "button", dir: "auto", "aria-pressed": String(on), "data-genre": name,
        title: counted(tracks, "track"), onclick: () => this.set({ genre }),
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
    this.set({ excluded: [...options.excluded, ...items.map(({ track }) => track.id)].slice(-MOST_EXCLUDED) });
    this.outside.again();
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
    // A name that was chosen may hold a comma: only what was typed is split.
    const words = (/** @type {"genre" | "artist"} */ name) => {
      const [typed, chosen] = [this.input(name).value, this.store.state.options[name]];
      return typed === chosen.join(", ") ? chosen : typed.split(",").map((/** @type {string} */ w) => w.trim()).filter(Boolean);
    };
    const [cap, minutes] = [number("maxPerArtist"), number("minutes")];
    this.set({
      limit: this.input("limit").disabled ? this.store.state.options.limit : clamp(number("limit") ?? 20, 1, 500),
      minutes: minutes === null ? null : clamp(minutes, 1, 1440),
      maxPerArtist: cap === null ? null : clamp(cap, 1, 500),
      genre: words("genre"),
      artist: words("artist"),
      yearMin: number("yearMin"),
      yearMax: number("yearMax"),
      durationMin: parseClock(this.input("durationMin").value),
      durationMax: parseClock(this.input("durationMax").value),
      scale: this.input("absolute").checked ? "absolute" : "relative",
      level: this.input("moments").checked ? "segment" : "track",
      everything: this.input("everything").checked,
    });
  }

  /** @param {State} state */
  writeForm({ query, options }) {
    byId(modeOf(query, options)).checked = true;
    const text = (/** @type {?number} */ value) => (value === null ? "" : String(value));
    const values = /** @type {Record<string, string>} */ ({
      limit: options.minutes ? "" : String(options.limit),
      minutes: text(options.minutes),
      maxPerArtist: text(options.maxPerArtist),
      genre: options.genre.join(", "),
      artist: options.artist.join(", "),
      yearMin: text(options.yearMin),
      yearMax: text(options.yearMax),
      durationMin: options.durationMin === null ? "" : clock(options.durationMin),
      durationMax: options.durationMax === null ? "" : clock(options.durationMax),
    });
    for (const [name, value] of Object.entries(values)) {
      if (document.activeElement !== this.input(name)) this.input(name).value = value;
    }
    this.input("limit").disabled = options.minutes !== null;
    this.input("limit").placeholder = options.minutes ? "any" : "20";
    this.input("absolute").checked = options.scale === "absolute";
    this.input("moments").checked = options.level === "segment";
    this.input("everything").checked = options.everything;
    const count = [
      options.genre.length, options.artist.length, options.yearMin ?? options.yearMax,
      options.durationMin ?? options.durationMax, options.maxPerArtist, options.minutes, options.level === "segment", options.everything,
    ].filter(Boolean).length;
    byId("refine-count").textContent = count ? `· ${count}` : "";
  }

  /** Save the list as it stands, in the order the visitor gave it. @param {string} format */
  async save(format) {
    const { items, options, query } = this.store.state;
    const body = {
      title: (byId("heading").textContent || "Circumplex").slice(0, 200),
      mode: modeOf(query, options),
      scale: options.scale,
      items: items.map(({ track, segment, score, rho_sim, neg_kl, valence, arousal }) => (
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
