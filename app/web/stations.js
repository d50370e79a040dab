/**
 * Stations: questions kept under a name. They are saved, listed, opened, given to players, deleted.
 *
 * @import {Options, Query} from "./types.js"
 */

import { json, playlistBody, posting, request } from "./api.js";
import { steady } from "./geometry.js";
import { defaultOptions, isRanked } from "./link.js";
import { termsOfFilter } from "./terms.js";
import { byId, element } from "./text.js";

/** @typedef {{id: string, name: string, rhythm: "none" | "daily", question: any, addresses: {m3u8: string}}} Station */

export class Stations {
  /**
   * @param {{ask: (query: Query) => void, show: (query: Query, options: Options) => void, question: () => [Query, Options], name: () => string, copy: (text: string, done: string) => void,
   *   say: (text: string, shown?: boolean) => void, fail: (text: string) => void}} outside
   */
  constructor(outside) {
    this.outside = outside;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("stations"));
    byId("close-stations").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    byId("station-form").addEventListener("submit", (/** @type {SubmitEvent} */ event) => this.save(event));
    /** @type {?Station} The one whose question was put on the page, to change it. */
    this.changing = null;
  }

  /** @param {boolean} keeping Whether to offer to keep what is asked. */
  async open(keeping) {
    const [query] = this.outside.question();
    const may = isRanked(query);
    byId("station-form").hidden = !may;
    byId("station-none").hidden = may;
    const { changing } = this;
    byId("station-name").value = may ? changing?.name ?? this.outside.name().slice(0, 200) : "";
    byId("station-daily").checked = changing?.rhythm === "daily";
    byId("station-replace").hidden = !changing;
    byId("station-replace").textContent = `Replace ${changing?.name}`;
    if (!this.dialog.open) this.dialog.showModal();
    if (keeping && may) byId("station-name").select();
    await this.refresh();
  }

  async refresh() {
    try {
      const { items } = await json("v1/stations?limit=1000");
      this.fill(items);
    } catch (error) {
      this.outside.fail(`The stations cannot be read: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** @param {Station[]} stations */
  fill(stations) {
    byId("station-list").replaceChildren(...stations.map((station) => this.row(station)));
    byId("station-empty").hidden = stations.length > 0;
  }

  /** @param {Station} station */
  row(station) {
    const { id, name } = station;
    const button = (/** @type {string} */ text, /** @type {string} */ about, /** @type {(event: Event) => void} */ run) =>
      element("button", { class: "button button--quiet", type: "button", "aria-label": `${about} ${name}`, onclick: run }, text);
    return element("li", { class: "station" },
      element("button", { class: "station__name", type: "button", dir: "auto", title: name, onclick: () => this.play(id) },
        element("span", { class: "item__title" }, name),
        element("span", { class: "item__credit" }, station.rhythm === "daily" ? "other music each day" : "always the best list")),
      button("Copy address", "Copy the address of", () => this.outside.copy(station.addresses.m3u8, "The address is copied. Players that read M3U8 can subscribe to it.")),
      button("Change", "Change", () => this.change(station)),
      button("Delete", "Delete", (event) => this.remove(station, /** @type {HTMLButtonElement} */ (event.currentTarget))));
  }

  /** @param {string} id */
  play(id) {
    this.dialog.close();
    this.outside.ask({ kind: "station", id });
  }

  /** Its question on the page, to be refined and kept again. @param {Station} station */
  change(station) {
    this.changing = station;
    this.dialog.close();
    this.outside.show(...stateOf(station.question));
    this.outside.say(`The question of ${station.name} is on the page. Change it, then keep it again.`, true);
  }

  /** Asked twice: what is deleted does not come back. @param {Station} station @param {HTMLButtonElement} button */
  async remove({ id, name }, button) {
    if (button.dataset.sure !== "yes") {
      button.dataset.sure = "yes";
      button.textContent = "Really delete?";
      button.setAttribute("aria-label", `Really delete ${name}?`);
      return;
    }
    try {
      await request(`v1/stations/${id}`, { method: "DELETE" });
      this.outside.say(`The station ${name} is deleted.`);
    } catch (error) {
      this.outside.fail(`Not deleted: ${/** @type {Error} */ (error).message}`);
    }
    await this.refresh();
  }

  /** @param {SubmitEvent} event */
  async save(event) {
    event.preventDefault();
    const old = event.submitter?.id === "station-replace" ? this.changing : null;
    const [query, options] = this.outside.question();
    const daily = byId("station-daily").checked;
    const name = byId("station-name").value.trim();
    try {
      const body = posting({ name, question: playlistBody(query, options), rhythm: daily ? "daily" : "none" });
      await json(old ? `v1/stations/${old.id}` : "v1/stations", old ? { ...body, method: "PUT" } : body);
      this.changing = null;
      byId("station-replace").hidden = true;
      this.outside.say(`The station ${name} is kept.`);
    } catch (error) {
      this.outside.fail(`Not kept: ${/** @type {Error} */ (error).message}`);
      return;
    }
    await this.refresh();
    byId("station-name").value = "";
  }
}

/** What the page asks with, from a station's question. @param {any} question @returns {[Query, Options]} */
export function stateOf(question) {
  const { emotion, filters = {} } = question;
  const { include = {}, exclude = {}, year, duration_s: length } = filters;
  const plain = { genre: filters.genre, artist: filters.artist };
  return [queryOf(emotion), {
    ...defaultOptions(),
    ...(question.mode && { mode: question.mode }), ...(question.scale && { scale: question.scale }), ...(question.level && { level: question.level }),
    limit: question.limit ?? null,
    minutes: question.duration_s ? Math.max(1, Math.round(question.duration_s / 60)) : null,
    variety: question.variety ?? 0, seed: question.seed ?? null, maxPerArtist: question.max_per_artist ?? null,
    terms: [...termsOfFilter(plain, false), ...termsOfFilter(include, false), ...termsOfFilter(exclude, true)],
    yearMin: year?.min ?? null, yearMax: year?.max ?? null, durationMin: length?.min ?? null, durationMax: length?.max ?? null,
    excluded: filters.exclude_ids ?? [], everything: Boolean(include.verdict?.length),
  }];
}

/** @param {any} emotion @returns {Query} */
function queryOf(emotion) {
  if (emotion.mood) return { kind: "mood", word: emotion.mood };
  if (emotion.text) return { kind: "text", text: emotion.text };
  if (emotion.curve) return { kind: "curve", keyframes: emotion.curve.length > 1 ? emotion.curve : steady(emotion.curve[0]) };
  return { kind: "track", ids: emotion.tracks ?? [emotion.track_id] };
}
