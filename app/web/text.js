/**
 * How the page writes things.
 *
 * @import {Affect, Item, Mood, Track} from "./types.js"
 */

import { distance } from "./geometry.js";

/** Affect words that say most; the plane gives them room in this order. */
export const COMMON_WORDS = (
  "happy calm sad angry tense energetic relaxed excited sleepy gloomy tender delighted melancholic " +
  "dreamy powerful afraid frustrated tired content playful nostalgic dark depressed bored hopeful"
).split(" ");
/** How much nearer, in units of the plane, a common word counts than a rare one. */
const COMMON_BONUS = 0.15;

/** @param {number} seconds @returns {string} `1:05`, `1:02:03` */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const tail = String(s).padStart(2, "0");
  return h ? `${h}:${String(m).padStart(2, "0")}:${tail}` : `${m}:${tail}`;
}

/** @param {string} text `90`, `1:30`, `1:02:03` @returns {?number} Seconds; null if it is no time. */
export function parseClock(text) {
  const parts = text.trim().split(":");
  if (!parts.length || parts.length > 3 || !parts.every((p) => /^\d+(\.\d+)?$/.test(p))) return null;
  return parts.reduce((total, part) => total * 60 + Number(part), 0);
}

/** @param {number} seconds @returns {string} */
export function longTime(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  const hours = seconds / 3600;
  return hours < 10 ? `${hours.toFixed(1)} h` : `${Math.round(hours).toLocaleString("en")} h`;
}

/** @param {number} count @param {string} what @returns {string} `1 track`, `1,204 tracks` */
export function counted(count, what) {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}

/** With a capital at its beginning. @param {string} text */
export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param {Track} track */
export function titleOf(track) {
  return track.title || track.path.replace(/^.*\//, "").replace(/\.[^.]+$/, "");
}

/** @param {Track} track Artist and album, as far as they are known. */
export function creditOf(track) {
  return [track.artist, track.album].filter(Boolean).join(" · ");
}

/** @param {number} x @param {number} [digits] Signed, with a true minus. */
export function signed(x, digits = 2) {
  const text = Math.abs(x).toFixed(digits);
  return Number(text) === 0 ? text : `${x < 0 ? "−" : "+"}${text}`;
}

/** @param {number} x @param {number} [digits] */
export function number(x, digits = 2) {
  return x.toFixed(digits).replace("-", "−");
}

/** @param {Affect} at @param {Mood[]} moods @returns {string} The nearest word; "" without words. */
export function nearestWord(at, moods) {
  let best = "";
  let least = Infinity;
  for (const mood of moods) {
    const d = distance(at, mood) - (COMMON_WORDS.includes(mood.word) ? COMMON_BONUS : 0);
    if (d < least) [least, best] = [d, mood.word];
  }
  return best;
}

/** @param {Item} item Whether it stands for its track from beginning to end. */
export function isWhole({ segment, track }) {
  return segment.start_s < 0.5 && segment.end_s >= (track.duration_s ?? Infinity) - 0.5;
}

/** @param {Item} item @returns {string} Where in the track, in full. */
export function segmentLine(item) {
  const { start_s: start, end_s: end } = item.segment;
  const length = item.track.duration_s;
  if (length && isWhole(item)) return `whole track, ${clock(length)}`;
  return `${clock(start)}–${clock(end)}${length ? ` of ${clock(length)}` : ""}`;
}

/**
 * An element with properties and children.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Record<string, any>} [props] `class`, `data-*`, `aria-*` or properties.
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && !name.includes("-")) /** @type {any} */ (node)[name] = value;
    else node.setAttribute(name === "class" ? "class" : name, value === true ? "" : String(value));
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== false).map((c) => /** @type {Node | string} */ (c)));
  return node;
}

/** The element with this id, which the page's HTML holds. @param {string} id @returns {any} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

/**
 * An SVG element with attributes.
 * @param {string} tag @param {Record<string, string | number>} [attributes] @param {...Node} children
 */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}
