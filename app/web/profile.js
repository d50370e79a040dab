/**
 * What the service keeps of its listener: where they feel tracks, and what follows.
 *
 * @import {Affect, Track} from "./types.js"
 */

import { json, posting, request } from "./api.js";

/** @param {string} path @param {unknown} body */
function put(path, body) {
  return json(path, { ...posting(body), method: "PUT" });
}

/** Where the listener feels a track. @param {number} id @returns {Promise<{felt: Affect, heard: Affect, said: boolean}>} */
export function felt(id) {
  return json(`v1/profile/tracks/${id}`);
}

/** The track is felt there. @param {number} id @param {Affect} at */
export function place(id, { valence, arousal }) {
  return put(`v1/profile/tracks/${id}`, { valence, arousal });
}

/** The listener does not say. @param {number} id */
export function skip(id) {
  return put(`v1/profile/tracks/${id}`, { skipped: true });
}

/** @param {number} id */
export function forget(id) {
  return json(`v1/profile/tracks/${id}`, { method: "DELETE" });
}

/** What was learned. @returns {Promise<any>} */
export function profile() {
  return json("v1/profile");
}

/** How much of it counts, 0 to 1. @param {number} weight */
export function weigh(weight) {
  return put("v1/profile", { weight });
}

export function forgetAll() {
  return request("v1/profile", { method: "DELETE" });
}

/** What to ask about. @returns {Promise<{items: {track: Track, heard: Affect}[]}>} */
export function nextToRate() {
  return json("v1/profile/next");
}
