/**
 * Everything there is, by album, artist, genre, folder and track: a list of any length, of which the
 * rows in view are made and fetched. Each has its place on the plane.
 *
 * @import {Group, GroupKind, Item, Term} from "./types.js"
 * @import {State, Store} from "./store.js"
 */

import { itemOf, json, listingAddress } from "./api.js";
import { VirtualList } from "./virtual-list.js";
import { css, dotColour, isDark } from "./colour.js";
import { spotAt } from "./geometry.js";
import { byId, clock, counted, creditOf, element, longTime, svg, titleOf } from "./text.js";

const PAGE = 100;
const PAUSE_MS = 150;
/** @type {Record<string, string>} */
const CALLED = { album: "albums", artist: "artists", genre: "genres", folder: "folders", track: "tracks" };

export class Browse {
  /**
   * @param {Store} store
   * @param {{group: (of: GroupKind, name: string) => void, play: (item: Item) => void, like: (track: any) => void,
   *   narrow: (term: Term) => void, know: (track: any) => void, fail: (text: string) => void}} outside
   */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.timer = 0;
    this.asked = "";
    /** @type {State["map"]} */
    this.map = null;
    this.words = byId("browse-find");
    this.order = byId("browse-order");
    this.list = new VirtualList(byId("browse-scroll"), byId("browse-list"), {
      page: PAGE, fetch: (offset) => this.fetch(offset), row: (item, index) => this.row(item, index), looked: (item) => this.look(item),
      failed: (error) => outside.fail(error.message),
    });
    this.words.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.show(store.state), PAUSE_MS);
    });
    this.order.addEventListener("change", () => this.show(store.state));
    store.on(["query", "options", "map"], (state) => this.show(state));
  }

  /** @param {State} state */
  show({ query, options, map }) {
    if (query.kind !== "browse") {
      this.asked = "";
      return;
    }
    const { what } = query;
    const track = what === "track";
    for (const each of Object.keys(CALLED)) byId(`browse-${each}`).setAttribute("aria-pressed", String(each === what));
    this.words.hidden = track;
    this.order.hidden = !track;
    this.words.placeholder = `Find in ${CALLED[what]}`;
    const order = this.order.value;
    const words = this.words.value.trim();
    const base = `v1/${what}s?order=${what === "genre" ? "tracks" : "name"}&limit=${PAGE}&q=${encodeURIComponent(words)}`;
    this.address = (/** @type {number} */ offset) => (track
      ? listingAddress(options.terms, { order, limit: PAGE, offset, everything: options.everything, scale: options.scale })
      : `${base}&offset=${offset}`);
    const asked = `${this.address(0)} ${map?.snapshot_id}`;
    const same = asked === this.asked;
    if (same && map === this.map) return;
    this.asked = asked;
    this.map = map;
    this.what = what;
    if (same) this.list.again(); // the listener's plane is another one: the same tracks lie elsewhere
    else this.list.reset();
  }

  /** @param {number} offset @returns {Promise<{total: number, items: any[]}>} */
  async fetch(offset) {
    const asked = this.asked;
    const found = await json(/** @type {(offset: number) => string} */ (this.address)(offset));
    if (asked === this.asked) {
      const length = found.duration_s ? ` · ${longTime(found.duration_s)}` : "";
      byId("browse-count").textContent = `${found.total.toLocaleString("en")} ${CALLED[/** @type {string} */ (this.what)]}${length}`;
    }
    return found;
  }

  /** Show where it lies. @param {any} item */
  look(item) {
    if (this.what === "track" && item) this.outside.know(item);
    if (this.what === "track") this.store.set({ pointed: item ? item.id : null, hint: null });
    else this.store.set({ hint: item && spotAt(item) });
  }

  /** The parts of a row; the first is its button. @param {any} item @param {number} index */
  row(item, index) {
    return this.what === "track" ? this.track(item, index) : this.group(item);
  }

  /** @param {Group} group */
  group(group) {
    const what = /** @type {GroupKind} */ (this.what);
    const name = what === "folder" ? group.name.replace(/^.*\//, "") : group.name;
    const above = what === "folder" ? group.name.replace(/^\//, "").split("/").slice(0, -1).join(" / ") : group.artists.join(", ");
    const facts = [above, counted(group.tracks, "track"), longTime(group.duration_s)].filter(Boolean).join(" · ");
    const main = element("button", { class: "browse__main", type: "button", title: group.name, onclick: () => this.outside.group(what, group.name) },
      place(group), element("span", { class: "item__text" }, element("span", { class: "item__title", dir: "auto" }, name), element("span", { class: "item__credit", dir: "auto" }, facts)));
    return [main, ...[false, true].map((not) => element("button", {
      class: "icon", type: "button", title: not ? "Without this" : "Only this", "aria-label": `${not ? "Without" : "Only"} ${name}`,
      onclick: () => this.outside.narrow({ not, what, value: group.name }),
    }, not ? "−" : "+"))];
  }

  /** @param {any} track @param {number} index */
  track(track, index) {
    const title = titleOf(track);
    const main = element("button", { class: "browse__main", type: "button", title: track.path, "aria-label": `Play ${title}, number ${index + 1}`, onclick: () => this.outside.play(itemOf(track)) },
      place(track), element("span", { class: "item__text" }, element("span", { class: "item__title", dir: "auto" }, title), element("span", { class: "item__credit", dir: "auto" }, creditOf(track) || track.path)));
    return [main, element("span", { class: "item__when" }, clock(track.duration_s ?? 0)),
      element("button", { class: "icon", type: "button", title: "More like this", "aria-label": `More like ${title}`, onclick: () => this.outside.like(track) }, "≈")];
  }
}

/** Its place on the plane, as a little picture. @param {{valence: number, arousal: number}} at */
function place({ valence, arousal }) {
  return svg("svg", { width: 28, height: 28, viewBox: "0 0 28 28", "aria-hidden": "true", class: "browse__place" },
    svg("circle", { cx: 14, cy: 14, r: 13 }),
    svg("circle", { cx: (14 + 11 * valence).toFixed(1), cy: (14 - 11 * arousal).toFixed(1), r: 3.5, fill: css(dotColour(valence, arousal, isDark())) }));
}
