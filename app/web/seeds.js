/**
 * Music like one track, or like several: which tracks the question names, and how they are called.
 *
 * @import {Query, Track} from "./types.js"
 * @import {State, Store} from "./store.js"
 */

import { track } from "./api.js";
import { MOST_SEEDS } from "./link.js";
import { titleOf } from "./text.js";

/** Tracks that a heading names before it counts. */
const NAMED = 3;

export class Likes {
  /** @param {Store} store @param {{ask: (query: Query, edited?: boolean) => void}} outside */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.like = this.like.bind(this);
    this.likeToo = this.likeToo.bind(this);
    store.on(["query", "answer"], (state) => this.learn(state));
  }

  /** Ask for music like this track alone. @param {Track} like */
  like(like) {
    this.store.set({ likes: [like] });
    this.outside.ask({ kind: "track", ids: [like.id] });
  }

  /** Ask for music like this track too. @param {Track} like */
  likeToo(like) {
    const { likes, query } = this.store.state;
    if (!takesAnother(this.store.state) || query.kind !== "track" || query.ids.includes(like.id)) return;
    this.store.set({ likes: [...likes, like] });
    this.outside.ask({ kind: "track", ids: [...query.ids, like.id] }, true);
  }

  /** The names of tracks that came with a link, once it is known that they are there. @param {State} state */
  async learn({ query, answer, likes }) {
    if (query.kind !== "track" || answer !== "answered") return;
    const unknown = query.ids.filter((id) => !likes.some((like) => like.id === id));
    if (!unknown.length) return;
    const found = await Promise.all(unknown.map((id) => track(id).catch(() => null)));
    const known = found.filter((each) => each !== null);
    if (known.length) this.store.set({ likes: [...this.store.state.likes, ...known] });
  }
}

/** Whether the question is one that another track can be added to. @param {State} state */
export function takesAnother({ query, clip }) {
  return !clip && query.kind === "track" && query.ids.length < MOST_SEEDS;
}

/** The question in words. @param {number[]} ids @param {Track[]} likes Those whose names are known. */
export function likeWords(ids, likes) {
  const titles = ids.map((id) => likes.find((like) => like.id === id)).map((like) => (like ? `“${titleOf(like)}”` : ""));
  if (titles.includes("")) return ids.length === 1 ? "Like this track" : `Like these ${ids.length} tracks`;
  const named = titles.length > NAMED ? [...titles.slice(0, NAMED - 1), `${titles.length - NAMED + 1} more`] : titles;
  return `Like ${named.slice(0, -1).join(", ")}${named.length > 1 ? " and " : ""}${named[named.length - 1]}`;
}
