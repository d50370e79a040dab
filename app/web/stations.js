/**
 * Stations: questions kept under a name. They are saved, listed, opened, given to players, deleted.
 *
 * @import {Options, Query} from "./types.js"
 */

import { json, playlistBody, posting, request } from "./api.js";
import { byId, element } from "./text.js";

/** @typedef {{id: string, name: string, rhythm: "none" | "daily", addresses: {m3u8: string}}} Station */

export class Stations {
  /**
   * @param {{ask: (query: Query) => void, question: () => [Query, Options], name: () => string, copy: (text: string, done: string) => void,
   *   say: (text: string, shown?: boolean) => void, fail: (text: string) => void}} outside
   */
  constructor(outside) {
    this.outside = outside;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("stations"));
    byId("close-stations").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    byId("station-form").addEventListener("submit", (/** @type {Event} */ event) => this.save(event));
  }

  /** @param {boolean} keeping Whether to offer to keep what is asked. */
  async open(keeping) {
    const [query] = this.outside.question();
    const may = ["curve", "mood", "text", "track"].includes(query.kind);
    byId("station-form").hidden = !may;
    byId("station-none").hidden = may;
    byId("station-name").value = may ? this.outside.name().slice(0, 200) : "";
    if (!this.dialog.open) this.dialog.showModal();
    if (keeping && may) byId("station-name").select();
    await this.refresh();
  }

  async refresh() {
    try {
      const { items } = await json("v1/stations");
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
      button("Delete", "Delete", (event) => this.remove(station, /** @type {HTMLButtonElement} */ (event.currentTarget))));
  }

  /** @param {string} id */
  play(id) {
    this.dialog.close();
    this.outside.ask({ kind: "station", id });
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

  /** @param {Event} event */
  async save(event) {
    event.preventDefault();
    const [query, options] = this.outside.question();
    const daily = byId("station-daily").checked;
    const name = byId("station-name").value.trim();
    try {
      await json("v1/stations", posting({ name, question: playlistBody(query, options), rhythm: daily ? "daily" : "none" }));
      this.outside.say(`The station ${name} is kept.`);
    } catch (error) {
      this.outside.fail(`Not kept: ${/** @type {Error} */ (error).message}`);
      return;
    }
    await this.refresh();
    byId("station-name").value = "";
  }
}
