/**
 * What may be meant by what stands in the box: a feeling, tracks, artists, albums, genres, words of
 * titles, a decade; in one list, the likeliest first.
 *
 * @import {Group, GroupKind, Region, Keyframe, Term, Track, Understood} from "./types.js"
 */

import { findGroups, findTracks, readFeeling } from "./api.js";
import { spotAt } from "./geometry.js";
import { MOST_LETTERS } from "./link.js";
import { clock, counted, creditOf, titleOf } from "./text.js";

/**
 * @typedef {{kind: "feeling", text: string, understood: Understood}
 *   | {kind: "phrase", text: string}
 *   | {kind: "group", of: GroupKind, group: Group}
 *   | {kind: "track", track: Track}
 *   | {kind: "term", term: Term, note: string}} Entry
 */

const MOST_TRACKS = 6;
const MOST_PHRASES = 2;
/** @type {Record<string, number>} */
const MOST_GROUPS = { artist: 3, album: 3, genre: 2 };

/**
 * Everything that the words may mean.
 * @param {string} words @returns {Promise<{entries: Entry[], near: string[], more: boolean}>}
 */
export async function foundFor(words) {
  const kinds = /** @type {GroupKind[]} */ (Object.keys(MOST_GROUPS));
  const [feeling, tracks, ...groups] = await Promise.all([
    readFeeling(words.slice(0, MOST_LETTERS)), findTracks(words, MOST_TRACKS + 1),
    ...kinds.map((kind) => findGroups(kind, words, MOST_GROUPS[kind])),
  ]);
  const named = kinds.flatMap((of, index) => groups[index].map((group) => /** @type {Entry} */ ({ kind: "group", of, group })));
  const begins = (/** @type {Entry} */ entry) => folded(nameOf(entry)).startsWith(folded(words));
  const shown = tracks.slice(0, MOST_TRACKS).map((track) => /** @type {Entry} */ ({ kind: "track", track }));
  const names = [...named.filter(begins), ...shown, ...named.filter((entry) => !begins(entry))];
  const entries = [...ordered(words, feeling, names), ...termsOf(words)];
  return { entries, near: feeling.understood ? [] : feeling.near, more: tracks.length > MOST_TRACKS };
}

/**
 * A phrase that is understood from beginning to end stands before names; else names do.
 * @param {string} words @param {{understood: ?Understood, completions: string[]}} feeling @param {Entry[]} names
 */
function ordered(words, { understood, completions }, names) {
  const phrases = completions.filter((text) => folded(text) !== folded(words)).slice(0, MOST_PHRASES)
    .map((text) => /** @type {Entry} */ ({ kind: "phrase", text }));
  if (!understood) return [...names, ...phrases];
  const read = /** @type {Entry} */ ({ kind: "feeling", text: words, understood });
  return understood.not_understood.length ? [...names, read, ...phrases] : [read, ...names, ...phrases];
}

/** What titles may hold, or when music was released. @param {string} words @returns {Entry[]} */
function termsOf(words) {
  const decade = /^(\d{3})0s?$/.exec(words);
  const term = decade ? { not: false, what: /** @type {const} */ ("decade"), value: `${decade[1]}0` } : { not: false, what: /** @type {const} */ ("title"), value: words };
  return [{ kind: "term", term, note: decade ? "decade" : "words of the title" }];
}

/** @param {Entry} entry */
export function nameOf(entry) {
  if (entry.kind === "group") return entry.group.name;
  if (entry.kind === "track") return titleOf(entry.track);
  if (entry.kind === "term") return entry.term.what === "decade" ? `The ${entry.term.value}s` : `“${entry.term.value}” in the title`;
  return entry.kind === "feeling" ? entry.understood.words : entry.text;
}

/** The second line. @param {Entry} entry */
export function creditOfEntry(entry) {
  if (entry.kind === "group") {
    const by = entry.group.artists.length ? `by ${entry.group.artists.join(", ")} · ` : "";
    return `${entry.of} · ${by}${counted(entry.group.tracks, "track")}`;
  }
  if (entry.kind === "track") return creditOf(entry.track) || entry.track.path;
  if (entry.kind === "term") return entry.note;
  if (entry.kind === "phrase") return "feeling";
  const { duration_s: length, not_understood: unread } = entry.understood;
  const lost = unread.length ? ` · not understood: ${unread.map(({ text }) => text).join(", ")}` : "";
  return `feeling${length ? ` · ${clock(length)}` : ""}${lost}`;
}

/** Where it lies on the plane. @param {Entry} entry @returns {?{steps: Region[], curve: Keyframe[]}} */
export function placeOfEntry(entry) {
  if (entry.kind === "feeling") return entry.understood;
  return entry.kind === "group" ? spotAt(entry.group) : null;
}

/** The filter that asks for it. @param {Entry} entry @returns {?Term} */
export function termOfEntry(entry) {
  if (entry.kind === "term") return entry.term;
  return entry.kind === "group" ? { not: false, what: entry.of, value: entry.group.name } : null;
}

/** Letters that Unicode does not take apart; the service folds them alike (`model/folding.py`). */
const PLAIN = { ł: "l", ø: "o", đ: "d", ð: "d", þ: "th", ħ: "h", ŧ: "t", ŋ: "ng", ı: "i", ß: "ss", æ: "ae", œ: "oe" };

/** Without case, accents and strokes. @param {string} text */
export function folded(text) {
  const plain = text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
  return plain.replace(/[łøđðþħŧŋıßæœ]/g, (letter) => PLAIN[/** @type {keyof typeof PLAIN} */ (letter)]).normalize("NFC");
}
