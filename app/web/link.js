/**
 * The query in the address bar, so that a link shares it. The part behind `#` never leaves the
 * browser.
 *
 * @import {GroupKind, Keyframe, Options, Query, Told} from "./types.js"
 */

import { clamp, isSteady } from "./geometry.js";
import { parseTerm, termText } from "./terms.js";

/** Letters of a phrase that the service reads. */
export const MOST_LETTERS = 300;
/** Tracks that music may be asked to be like. */
export const MOST_SEEDS = 20;

/** @returns {Options} */
export function defaultOptions() {
  return {
    mode: "journey",
    scale: "relative",
    level: "track",
    everything: false,
    limit: null,
    minutes: null,
    variety: 0,
    seed: null,
    maxPerArtist: null,
    terms: [],
    yearMin: null,
    yearMax: null,
    durationMin: null,
    durationMax: null,
    excluded: [],
  };
}

/** Whether tracks are ranked by a feeling. @param {Query} query */
export function isRanked(query) {
  return ["curve", "mood", "text", "track"].includes(query.kind);
}

/** Whether the tracks are listed, not ranked by a feeling. @param {Query} query */
export function isListed(query) {
  return query.kind === "group" || query.kind === "station";
}

/** What was said of the phrase that is asked; null where none is, or no answer came yet. @param {Query} query @param {?Told} told */
export function toldOf(query, told) {
  return query.kind === "text" && told?.text === query.text ? told : null;
}

/**
 * The line that is asked with: drawn, or what a phrase was read as. Null where there is none yet.
 * @param {Query} query @param {?Told} told @returns {?Keyframe[]}
 */
export function curveOf(query, told) {
  if (query.kind === "curve") return query.keyframes;
  return toldOf(query, told)?.understood?.curve ?? null;
}

/** The line where it leads anywhere; null for a point. @param {Query} query @param {?Told} told */
export function pathOf(query, told) {
  const line = curveOf(query, told);
  return line && !isSteady(line) ? line : null;
}

/**
 * Only a line leads anywhere: a word, a track and a point are matched whatever is chosen.
 * @param {Query} query @param {Options} options @param {?Told} told
 */
export function modeOf(query, options, told) {
  return pathOf(query, told) ? options.mode : "match";
}

const NUMBERS = /** @type {const} */ ([
  ["yearMin", "from"],
  ["yearMax", "to"],
  ["durationMin", "longer"],
  ["durationMax", "shorter"],
  ["maxPerArtist", "artists"],
  ["minutes", "minutes"],
  ["seed", "seed"],
]);

/** @param {Query} query @param {Options} options @returns {string} Without the `#`. */
export function toHash(query, options) {
  if (query.kind === "none") return "";
  const parts = new URLSearchParams();
  if (query.kind === "mood") parts.set("mood", query.word);
  if (query.kind === "track") parts.set("track", query.ids.join("."));
  if (query.kind === "text") parts.set("feeling", query.text);
  if (query.kind === "group") parts.set("list", query.of === "all" ? "all" : `${query.of}:${query.name}`);
  if (query.kind === "browse") parts.set("browse", query.what);
  if (query.kind === "station") parts.set("station", query.id);
  if (query.kind === "curve") parts.set("curve", curveText(query.keyframes));
  const plain = defaultOptions();
  if (options.mode !== plain.mode) parts.set("mode", options.mode);
  if (options.scale !== plain.scale) parts.set("scale", options.scale);
  if (options.level !== plain.level) parts.set("level", options.level);
  if (options.everything) parts.set("everything", "1");
  if (options.limit !== null) parts.set("limit", String(options.limit));
  if (options.variety) parts.set("variety", String(options.variety));
  for (const [name, key] of NUMBERS) if (options[name] !== null) parts.set(key, String(options[name]));
  for (const term of options.terms) parts.append(term.not ? "not" : "only", termText(term));
  if (options.excluded.length) parts.set("without", options.excluded.join("."));
  return parts.toString().replaceAll("%2C", ",").replaceAll("%3B", ";").replaceAll("%3A", ":");
}

/** @param {Keyframe[]} frames */
function curveText(frames) {
  return frames.map((f) => `${f.t},${f.valence},${f.arousal}`).join(";");
}

/**
 * @param {string} hash With or without the `#`.
 * @returns {{query: Query, options: Options}} What cannot be read is left at its default.
 */
export function fromHash(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const options = defaultOptions();
  if (parts.get("mode") === "match") options.mode = "match";
  if (parts.get("scale") === "absolute") options.scale = "absolute";
  if (parts.get("level") === "segment") options.level = "segment";
  options.everything = parts.get("everything") === "1";
  const limit = Math.round(Number(parts.get("limit")));
  options.limit = limit ? clamp(limit, 1, 500) : null;
  options.variety = clamp(Number(parts.get("variety")) || 0, 0, 1);
  for (const [name, key] of NUMBERS) {
    const text = parts.get(key);
    if (text !== null && Number.isFinite(Number(text))) options[name] = Number(text);
  }
  if (options.minutes !== null && !(options.minutes >= 1 && options.minutes <= 1440)) options.minutes = null;
  const terms = ["only", "not"].flatMap((how) => parts.getAll(how).map((text) => parseTerm(text, how === "not")));
  options.terms = terms.filter((term) => term !== null);
  options.excluded = (parts.get("without") || "").split(".").map(Number).filter((id) => id > 0);
  return { query: queryOf(parts), options };
}

/** @param {URLSearchParams} parts @returns {Query} */
function queryOf(parts) {
  const mood = parts.get("mood");
  if (mood) return { kind: "mood", word: mood };
  const ids = (parts.get("track") || "").split(".").map(Number).filter((id) => Number.isInteger(id) && id > 0);
  if (ids.length) return { kind: "track", ids: [...new Set(ids)].slice(0, MOST_SEEDS) };
  const text = parts.get("feeling");
  if (text) return { kind: "text", text: text.slice(0, MOST_LETTERS) };
  const station = parts.get("station");
  if (station && /^\w{1,32}$/.test(station)) return { kind: "station", id: station };
  const list = parts.get("list");
  const group = list && /^(artist|album|genre|folder):(.+)$/s.exec(list);
  if (list === "all") return { kind: "group", of: "all", name: "" };
  if (group) return { kind: "group", of: /** @type {GroupKind} */ (group[1]), name: group[2] };
  const what = parts.get("browse");
  if (what && /^(artist|album|genre|folder|track)$/.test(what)) return { kind: "browse", what: /** @type {GroupKind} */ (what) };
  const keyframes = (parts.get("curve") || "").split(";").map(keyframeOf);
  const sound = keyframes.every((frame, i) => frame && (i === 0 || frame.t > /** @type {Keyframe} */ (keyframes[i - 1]).t));
  if (sound) return { kind: "curve", keyframes: /** @type {Keyframe[]} */ (keyframes) };
  return { kind: "none" };
}

/** @param {string} text @returns {?Keyframe} */
function keyframeOf(text) {
  const [t, valence, arousal] = text.split(",").map((x) => (x === "" ? NaN : Number(x)));
  const sound = t >= 0 && Math.abs(valence) <= 1 && Math.abs(arousal) <= 1;
  return sound ? { t, valence, arousal } : null;
}
