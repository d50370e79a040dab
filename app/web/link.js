/**
 * The query in the address bar, so that a link shares it. The part behind `#` never leaves the
 * browser.
 *
 * @import {Keyframe, Options, Query} from "./types.js"
 */

import { clamp, isSteady } from "./geometry.js";

/** Tracks that music may be asked to be like. */
export const MOST_SEEDS = 20;

/** @returns {Options} */
export function defaultOptions() {
  return {
    mode: "journey",
    scale: "relative",
    level: "track",
    everything: false,
    limit: 20,
    minutes: null,
    maxPerArtist: null,
    genre: [],
    artist: [],
    yearMin: null,
    yearMax: null,
    durationMin: null,
    durationMax: null,
    excluded: [],
  };
}

/**
 * Only a line leads anywhere: a word, a track and a point are matched whatever is chosen.
 * @param {Query} query @param {Options} options
 */
export function modeOf(query, options) {
  return query.kind === "curve" && !isSteady(query.keyframes) ? options.mode : "match";
}

const NUMBERS = /** @type {const} */ ([
  ["yearMin", "from"],
  ["yearMax", "to"],
  ["durationMin", "longer"],
  ["durationMax", "shorter"],
  ["maxPerArtist", "artists"],
  ["minutes", "minutes"],
]);

/** @param {Query} query @param {Options} options @returns {string} Without the `#`. */
export function toHash(query, options) {
  if (query.kind === "none") return "";
  const parts = new URLSearchParams();
  if (query.kind === "mood") parts.set("mood", query.word);
  if (query.kind === "track") parts.set("track", query.ids.join("."));
  if (query.kind === "artist") parts.set("by", query.name);
  if (query.kind === "curve") parts.set("curve", curveText(query.keyframes));
  const plain = defaultOptions();
  if (options.mode !== plain.mode) parts.set("mode", options.mode);
  if (options.scale !== plain.scale) parts.set("scale", options.scale);
  if (options.level !== plain.level) parts.set("level", options.level);
  if (options.everything) parts.set("everything", "1");
  if (options.limit !== plain.limit) parts.set("limit", String(options.limit));
  for (const [name, key] of NUMBERS) if (options[name] !== null) parts.set(key, String(options[name]));
  for (const genre of options.genre) parts.append("genre", genre);
  for (const artist of options.artist) parts.append("artist", artist);
  if (options.excluded.length) parts.set("without", options.excluded.join("."));
  return parts.toString().replaceAll("%2C", ",").replaceAll("%3B", ";");
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
  options.limit = clamp(Math.round(Number(parts.get("limit"))) || 20, 1, 500);
  for (const [name, key] of NUMBERS) {
    const text = parts.get(key);
    if (text !== null && Number.isFinite(Number(text))) options[name] = Number(text);
  }
  if (options.minutes !== null && !(options.minutes >= 1 && options.minutes <= 1440)) options.minutes = null;
  options.genre = parts.getAll("genre");
  options.artist = parts.getAll("artist");
  options.excluded = (parts.get("without") || "").split(".").map(Number).filter((id) => id > 0);
  return { query: queryOf(parts), options };
}

/** @param {URLSearchParams} parts @returns {Query} */
function queryOf(parts) {
  const mood = parts.get("mood");
  if (mood) return { kind: "mood", word: mood };
  const ids = (parts.get("track") || "").split(".").map(Number).filter((id) => Number.isInteger(id) && id > 0);
  if (ids.length) return { kind: "track", ids: [...new Set(ids)].slice(0, MOST_SEEDS) };
  const name = parts.get("by");
  if (name) return { kind: "artist", name };
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
