/**
 * What the page knows, in one place. Parts subscribe to it; nothing else connects them.
 *
 * @import {Affect, Clip, EmotionAnswer, Item, Keyframe, Mood, Options, Query, Region, Told, Track, TrackMap} from "./types.js"
 */

import { curveOf, defaultOptions } from "./link.js";

/**
 * @typedef {object} State
 * @property {Query} query
 * @property {Options} options
 * @property {boolean} drawing A stroke is being made right now.
 * @property {Item[]} items The playlist, as the visitor arranged it.
 * @property {boolean} arranged The visitor moved or removed items.
 * @property {"idle" | "asking" | "answered" | "refused"} answer
 * @property {string} refusal Why the last question was refused.
 * @property {?Told} told What the last answer says beside its tracks.
 * @property {?{steps: Region[], curve: Keyframe[]}} hint Where what is looked at in the box lies.
 * @property {Track[]} likes Tracks that `query` names, as far as they are known.
 * @property {?Clip} clip
 * @property {?string} uploading Name of the clip that is being analysed.
 * @property {?TrackMap} map
 * @property {Mood[]} moods
 * @property {any} library The body of `GET /v1/library`.
 * @property {"unknown" | "ready" | "empty" | "indexing" | "locked"} catalogue
 * @property {boolean} connected
 * @property {?number} pointed Id of the track under the pointer or the focus.
 * @property {?Playing} playing
 * @property {?Keyframe[]} preview The offered movement that was looked at last.
 * @property {?Keyframe} moment Where a clip is at the time that is pointed at.
 * @property {?Held} placing The track whose dot the visitor holds.
 * @property {Item[]} sample A few tracks of that movement, before anything is asked.
 *
 * @typedef {{track: Track, from: Affect, at: Affect}} Held A track, where it was felt, and where it is held.
 *
 * @typedef {object} Playing
 * @property {string} url
 * @property {string} title
 * @property {string} credit
 * @property {?number} id Track, or null for the visitor's own clip.
 * @property {number} startS
 * @property {number} endS
 * @property {?EmotionAnswer} emotion
 */

/** @returns {State} */
function initial() {
  return {
    query: { kind: "none" },
    options: defaultOptions(),
    drawing: false,
    items: [],
    arranged: false,
    answer: "idle",
    refusal: "",
    told: null,
    hint: null,
    likes: [],
    clip: null,
    uploading: null,
    map: null,
    moods: [],
    library: null,
    catalogue: "unknown",
    connected: true,
    pointed: null,
    playing: null,
    preview: null,
    moment: null,
    placing: null,
    sample: [],
  };
}

/**
 * The tracks that are shown: of the playlist, most like the clip, or offered before anything is asked.
 * @param {Readonly<State>} state @returns {Item[]}
 */
export function shownItems({ clip, query, items, sample }) {
  if (clip) return clip.answer.similar;
  if (query.kind === "none") return sample;
  return items;
}

/**
 * The line that can be changed: drawn, or what a phrase was read as; null where a clip is shown.
 * @param {Readonly<State>} state @returns {?Keyframe[]}
 */
export function lineToChange({ query, clip, told }) {
  return clip ? null : curveOf(query, told);
}

export class Store {
  #state = initial();
  /** @type {{names: (keyof State)[], run: (state: State) => void}[]} */
  #listeners = [];

  /** @returns {Readonly<State>} */
  get state() {
    return this.#state;
  }

  /** Change some of it. Listeners of what changed run at once. @param {Partial<State>} patch */
  set(patch) {
    const before = this.#state;
    this.#state = { ...before, ...patch };
    const changed = (/** @type {keyof State} */ name) => before[name] !== this.#state[name];
    for (const listener of this.#listeners) {
      if (listener.names.some(changed)) listener.run(this.#state);
    }
  }

  /** Run now and whenever one of `names` changes. @param {(keyof State)[]} names @param {(state: State) => void} run */
  on(names, run) {
    this.#listeners.push({ names, run });
    run(this.#state);
  }
}
