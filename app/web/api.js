/**
 * The service's public API. Every address is relative to the page, so a sub-path works.
 *
 * @import {EmotionAnswer, Group, GroupKind, Item, Options, Query, Term, Told, Track, TrackMap, Understood} from "./types.js"
 */

import { modeOf } from "./link.js";
import { released } from "./press.js";
import { filterOf, termText } from "./terms.js";

/** An answer that is no success: its problem+json, or as much as is known. */
export class Problem extends Error {
  /** @param {number} status @param {string} title @param {string} detail @param {string[]} [suggestions] */
  constructor(status, title, detail, suggestions = []) {
    super(detail || title);
    this.suggestions = suggestions;
    this.name = "Problem";
    this.status = status;
    this.title = title;
  }
}

/** The service could not be reached at all. */
export class Unreachable extends Error {}

const TOKEN_KEY = "circumplex-token";
/** Of a group's tracks: as many as a list may hold. */
const MOST_LISTED = 500;
const GUARDED_KEY = "circumplex-guarded";
let guarded = sessionStorage.getItem(GUARDED_KEY) !== null;

/** The key the visitor entered in this tab; "" without one. */
export function keptToken() {
  return sessionStorage.getItem(TOKEN_KEY) || "";
}

/** @param {string} token One that the service knows, or "" to forget it. */
export function keepToken(token) {
  if (token) sessionStorage.setItem(TOKEN_KEY, token);
  else sessionStorage.removeItem(TOKEN_KEY);
}

/** Whether the service answers nobody without a key, so that audio needs one too. */
export function isGuarded() {
  return guarded;
}

/** @param {string} path @returns {string} Absolute address of an API path. */
export function address(path) {
  return new URL(path, new URL(".", document.baseURI)).href;
}

/**
 * @param {string} path @param {RequestInit} [init]
 * @returns {Promise<Response>} A successful response.
 */
export async function request(path, init = {}) {
  const token = keptToken();
  const headers = { ...(token && { authorization: `Bearer ${token}` }), ...init.headers };
  let response;
  try {
    response = await fetch(address(path), { ...init, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Unreachable("The service does not answer.");
  }
  await released(init.signal);
  if (response.ok) return response;
  const ownToken = token && !(init.headers && "authorization" in init.headers);
  if (response.status === 401 && ownToken) {
    keepToken("");
    return request(path, init);
  }
  if (response.status === 401 && !path.startsWith("v1/admin")) {
    guarded = true;
    sessionStorage.setItem(GUARDED_KEY, "true");
  }
  const body = await response.json().catch(() => ({}));
  throw new Problem(response.status, body.title || response.statusText, body.detail || "", body.suggestions);
}

/** @param {string} path @param {RequestInit} [init] @returns {Promise<any>} */
export async function json(path, init) {
  const body = await (await request(path, init)).json();
  await released(init?.signal);
  return body;
}

/** @param {unknown} body @param {RequestInit} [init] @returns {RequestInit} */
export function posting(body, init = {}) {
  return {
    ...init,
    method: "POST",
    headers: { "content-type": "application/json", ...(init.headers || {}) },
    body: JSON.stringify(body),
  };
}

/**
 * The body of `POST /v1/playlists`; members at their default are left out.
 * @param {Query} query @param {Options} options
 * @returns {Record<string, any>}
 */
export function playlistBody(query, options) {
  const filters = filtersOf(options);
  /** @type {Record<string, any>} */
  const body = { emotion: emotionOf(query) };
  // A phrase says itself whether it is a journey.
  if (query.kind !== "text") body.mode = modeOf(query, options, null);
  else if (options.mode === "match") body.mode = "match";
  if (options.minutes) body.duration_s = 60 * options.minutes;
  else if (options.limit !== null) body.limit = options.limit;
  if (options.variety) body.variety = options.variety;
  if (options.variety && options.seed !== null) body.seed = options.seed;
  if (options.scale !== "relative") body.scale = options.scale;
  if (options.level !== "track") body.level = options.level;
  if (Object.keys(filters).length) body.filters = filters;
  if (options.maxPerArtist) body.max_per_artist = options.maxPerArtist;
  return body;
}

/**
 * Note that a track was heard, so that it steps back where a question asks for that. A key that may
 * only read is refused; the page goes on without it.
 * @param {number} id @param {boolean} skipped
 */
export function notePlay(id, skipped) {
  const body = { plays: [{ track_id: id, ...(skipped && { skipped }) }] };
  request("v1/plays", posting(body, { keepalive: true })).catch(() => {});
}

/** @param {Query} query */
function emotionOf(query) {
  if (query.kind === "mood") return { mood: query.word };
  if (query.kind === "text") return { text: query.text };
  if (query.kind === "track") return query.ids.length === 1 ? { track_id: query.ids[0] } : { tracks: query.ids };
  return { curve: query.kind === "curve" ? query.keyframes : [] };
}

/** @param {Options} options */
function filtersOf(options) {
  /** @type {Record<string, any>} */
  const filters = {};
  const year = range(options.yearMin, options.yearMax);
  const duration = range(options.durationMin, options.durationMax);
  if (year) filters.year = year;
  if (duration) filters.duration_s = duration;
  if (options.excluded.length) filters.exclude_ids = options.excluded;
  const include = { ...filterOf(options.terms, false), ...(options.everything && { verdict: NOT_MUSIC }) };
  const exclude = filterOf(options.terms, true);
  if (Object.keys(include).length) filters.include = include;
  if (Object.keys(exclude).length) filters.exclude = exclude;
  return filters;
}

/** @param {?number} min @param {?number} max */
function range(min, max) {
  if (min === null && max === null) return null;
  return { ...(min !== null && { min }), ...(max !== null && { max }) };
}

/**
 * @param {Query} query @param {Options} options @param {AbortSignal} [signal]
 * @returns {Promise<{snapshot_id: string, model_id: string, exact: boolean, items: Item[]}>}
 */
export function playlist(query, options, signal) {
  return json("v1/playlists", posting({ ...playlistBody(query, options), explain: true }, { signal }));
}

/**
 * A part of the tracks that terms let through, in an order.
 * @param {Term[]} terms @param {{order: string, limit: number, offset?: number, everything?: boolean, scale?: string}} how
 */
export function listingAddress(terms, { order, limit, offset = 0, everything = false, scale = "relative" }) {
  const parts = new URLSearchParams({ order, limit: String(limit), scale });
  if (offset) parts.set("offset", String(offset));
  for (const term of terms) parts.append(term.not ? "not" : "only", termText(term));
  if (everything) for (const kind of NOT_MUSIC) parts.append("include", kind);
  return `v1/listing?${parts}`;
}

/** @param {Query & {kind: "group"}} query @param {Options} options */
function addressOfGroup({ of, name }, { terms, everything, scale }) {
  const own = of === "all" ? [] : [{ not: false, what: of, value: name }];
  return listingAddress([...own, ...terms], { order: of === "all" || of === "genre" ? "artist" : "path", limit: MOST_LISTED, everything, scale });
}

/** A listed track as a place of a list. @param {any} track @returns {Item} */
export function itemOf(track) {
  return { track, segment: { start_s: 0, end_s: track.duration_s ?? 0 }, valence: track.valence, arousal: track.arousal };
}

/** All tracks of a group where they lie. @param {Query & {kind: "group"}} query @param {Options} options */
async function musicOf(query, options) {
  const { items, ...rest } = await json(addressOfGroup(query, options));
  const kept = items.filter((/** @type {any} */ track) => !options.excluded.includes(track.id));
  return { ...rest, items: kept.map(itemOf) };
}

/** @param {string} id */
async function musicOfStation(id) {
  const [station, answer] = await Promise.all([json(`v1/stations/${id}`), json(`v1/stations/${id}/playlist?format=json`)]);
  return { ...answer, name: station.name };
}

/**
 * What the list shows for a question, and what the service says of it.
 * @param {Query} query @param {Options} options @returns {Promise<{snapshot_id: string, items: Item[]} & Partial<Told>>}
 */
export function answerTo(query, options) {
  if (query.kind === "group") return musicOf(query, options);
  return query.kind === "station" ? musicOfStation(query.id) : playlist(query, options);
}

/** The command line that asks the same. @param {Query} query @param {Options} options */
export function curlOf(query, options) {
  const key = guarded ? " -H 'authorization: Bearer YOUR-KEY'" : "";
  const got = query.kind === "group" ? addressOfGroup(query, options) : query.kind === "station" ? `v1/stations/${query.id}/playlist?format=json` : "";
  if (got) return `curl -s '${address(got).replaceAll("'", "%27")}'${key}`;
  const body = JSON.stringify(playlistBody(query, options)).replaceAll("'", "'\\''");
  return `curl -s '${address("v1/playlists")}'${key} -H 'content-type: application/json' -d '${body}'`;
}

/** What a playlist may hold besides music. */
const NOT_MUSIC = ["speech", "noise", "short"];

/** Tracks that are not taken for music, with the reason. @returns {Promise<any[]>} */
export async function leftOut() {
  const { items } = await json(`v1/tracks?limit=1000&${NOT_MUSIC.map((kind) => `verdict=${kind}`).join("&")}`);
  return items;
}

/** @param {string} scale @returns {Promise<TrackMap>} */
export function trackMap(scale) {
  return json(`v1/tracks/map?scale=${scale}`);
}

/** @param {number} id @returns {Promise<Track>} */
export function track(id) {
  return json(`v1/tracks/${id}`);
}

/** Tracks of the index whose title, artist, album or path hold all of the words. @param {string} words @param {number} most @returns {Promise<Track[]>} */
export async function findTracks(words, most) {
  const { items } = await json(`v1/tracks?limit=${most}&q=${encodeURIComponent(words)}`);
  return items.filter((/** @type {{valence: ?number}} */ item) => item.valence !== null);
}

/** Groups whose names hold all of the words. @param {GroupKind} kind @param {string} words @param {number} most @returns {Promise<Group[]>} */
export async function findGroups(kind, words, most) {
  return (await json(`v1/${kind}s?limit=${most}&q=${encodeURIComponent(words)}`)).items;
}

/** How a phrase is read. @param {string} text @returns {Promise<{understood: ?Understood, near: string[], completions: string[]}>} */
export function readFeeling(text) {
  return json(`v1/feelings?text=${encodeURIComponent(text)}`);
}

/** @param {number} id @param {string} scale @returns {Promise<EmotionAnswer>} */
export function trackEmotion(id, scale) {
  return json(`v1/tracks/${id}/emotion?scale=${scale}`);
}

/** @param {number} id */
export function audioAddress(id) {
  return address(`v1/tracks/${id}/audio`);
}

/** The cover of a track, or a clear pixel. @param {number} id @param {number} sizePx */
export function coverAddress(id, sizePx) {
  return address(`v1/tracks/${id}/cover?size=${sizePx}&placeholder=true`);
}

/** @param {File} file @param {string} scale @param {AbortSignal} signal @returns {Promise<EmotionAnswer>} */
export function clipEmotion(file, scale, signal) {
  const form = new FormData();
  form.append("file", file, file.name);
  return json(`v1/emotions?scale=${scale}`, { method: "POST", body: form, signal });
}

/** What is indexed. @returns {Promise<any>} */
export function library() {
  return json("v1/library");
}

/** The administrator's part of the API. */
export class Admin {
  /** @param {string} token */
  constructor(token) {
    this.headers = { authorization: `Bearer ${token}` };
  }

  /** Whether the token may read at all. */
  reads() {
    return json("v1/library", { headers: this.headers });
  }

  /** @returns {Promise<{items: any[]}>} */
  runs() {
    return json("v1/admin/index-runs", { headers: this.headers });
  }

  /** @param {string[]} roots @param {boolean} full @param {boolean} only @returns {Promise<any>} */
  start(roots, full, only) {
    const body = { ...(roots.length && { roots }), full, only };
    return json("v1/admin/index-runs", posting(body, { headers: this.headers }));
  }

  /** @param {number} id */
  cancel(id) {
    return request(`v1/admin/index-runs/${id}`, { method: "DELETE", headers: this.headers });
  }

  /** @returns {Promise<{items: any[]}>} */
  snapshots() {
    return json("v1/admin/snapshots", { headers: this.headers });
  }

  /** @param {string} id */
  activate(id) {
    const path = `v1/admin/snapshots/${encodeURIComponent(id)}/activate`;
    return request(path, { method: "POST", headers: this.headers });
  }

  /** @returns {Promise<{items: {path: string, reason: string}[]}>} */
  failures() {
    return json("v1/admin/failures", { headers: this.headers });
  }

  /**
   * Progress of a run as it is made, from server-sent events. EventSource cannot send the token.
   * @param {number} id @param {AbortSignal} signal @returns {AsyncGenerator<any>}
   */
  async *events(id, signal) {
    const response = await request(`v1/admin/index-runs/${id}/events`, {
      headers: { ...this.headers, accept: "text/event-stream" },
      signal,
    });
    const body = /** @type {ReadableStream<Uint8Array>} */ (response.body);
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + decoder.decode(value, { stream: true })).replaceAll("\r\n", "\n").split("\n\n");
      rest = blocks.pop() || "";
      for (const block of blocks) {
        const lines = block.split("\n").filter((line) => line.startsWith("data:"));
        if (lines.length) yield JSON.parse(lines.map((line) => line.slice(5)).join("\n"));
      }
    }
  }
}
