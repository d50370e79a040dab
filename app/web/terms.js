/**
 * What tracks must have or must not have: a genre, an artist, an album, a folder, words of the title,
 * a decade, a length. How it is written in the address and read in the list's head.
 *
 * @import {Term, Track} from "./types.js"
 */

import { clock } from "./text.js";

export const KINDS = /** @type {const} */ (["genre", "artist", "album", "folder", "title", "decade", "length"]);
/** Lengths that are offered, in seconds: up to the first, between two, from the last on. */
const LENGTHS_S = [120, 240, 420, 900];

/** @param {Term} term @returns {string} As the service reads it, such as `genre:jazz`. */
export function termText({ what, value }) {
  return `${what}:${value}`;
}

/** @param {string} text @param {boolean} not @returns {?Term} Null where it is no term. */
export function parseTerm(text, not) {
  const [, what, value] = /^(\w+):(.+)$/s.exec(text) || [];
  const kind = KINDS.find((each) => each === what);
  if (!kind || !value.trim()) return null;
  if (kind === "decade" && !/^\d{1,3}0$/.test(value)) return null;
  if (kind === "length" && !(/^\d*-\d*$/.test(value) && value.length > 1)) return null;
  return { not, what: kind, value };
}

/** The term in words. @param {Term} term */
export function termWords({ what, value }) {
  if (what === "artist") return `by ${value}`;
  if (what === "album") return `album ${value}`;
  if (what === "folder") return `folder ${value}`;
  if (what === "title") return `“${value}” in the title`;
  if (what === "decade") return `the ${value}s`;
  if (what !== "length") return value;
  const [shortest, longest] = value.split("-");
  if (!shortest || shortest === "0") return `up to ${clock(Number(longest))}`;
  return longest ? `${clock(Number(shortest))} to ${clock(Number(longest))}` : `${clock(Number(shortest))} and longer`;
}

/** What it asks for, in words. @param {Term} term */
export function termName(term) {
  return `${term.not ? "Without" : "Only"} ${termWords(term)}`;
}

/** The members of a request's filters. @param {Term[]} terms @param {boolean} not @returns {Record<string, any>} */
export function filterOf(terms, not) {
  /** @type {Record<string, any>} */
  const filter = {};
  for (const { what, value } of terms.filter((term) => term.not === not)) {
    if (what === "length") filter.duration_s = lengthOf(value);
    else filter[what] = [...(filter[what] || []), what === "decade" ? Number(value) : value];
  }
  return filter;
}

/** @param {string} value */
function lengthOf(value) {
  const [min, max] = value.split("-").map((end) => (end === "" ? null : Number(end)));
  return { ...(min !== null && { min }), ...(max !== null && { max }) };
}

/** The terms of a request's filters. @param {Record<string, any>} filter @param {boolean} not @returns {Term[]} */
export function termsOfFilter(filter, not) {
  const listed = KINDS.flatMap((what) => (filter[what] || []).map((/** @type {any} */ value) => ({ not, what, value: String(value) })));
  const { min, max } = filter.duration_s || {};
  const length = min === undefined && max === undefined ? [] : [{ not, what: /** @type {const} */ ("length"), value: `${min ?? ""}-${max ?? ""}` }];
  return [...listed, ...length];
}

/** Whether they are about the same. @param {Term} a @param {Term} b */
function same(a, b) {
  if (a.what !== b.what) return false;
  if (a.what === "length") return a.not === b.not;
  return a.value.toLowerCase() === b.value.toLowerCase();
}

/** With the term, in place of what contradicts it. @param {Term[]} terms @param {Term} term @returns {Term[]} */
export function withTerm(terms, term) {
  return [...terms.filter((other) => !same(other, term)), term];
}

/** @param {Term[]} terms @param {Term} term @returns {Term[]} */
export function withoutTerm(terms, term) {
  return terms.filter((other) => other !== term && !(same(other, term) && other.not === term.not));
}

/** What can be asked for or left out because a track has it. @param {Track} track @returns {Term[]} */
export function termsOfTrack({ genre, artists, artist, album, path, year, duration_s: length }) {
  const folder = path.includes("/") ? `/${path.replace(/\/[^/]*$/, "")}` : "";
  /** @type {[Term["what"], string | null | undefined][]} */
  const found = [
    ...splitGenres(genre).map((name) => /** @type {[Term["what"], string]} */ (["genre", name])),
    ...(artists || [artist]).map((name) => /** @type {[Term["what"], ?string]} */ (["artist", name])),
    ["album", album], ["folder", folder],
    ["decade", year ? String(year - (year % 10)) : ""],
    ["length", length ? lengthAround(length) : ""],
  ];
  return found.filter(([, value]) => value).map(([what, value]) => ({ not: false, what, value: /** @type {string} */ (value) }));
}

/** @param {?string} genre */
function splitGenres(genre) {
  return (genre || "").split(/[;,]/).map((name) => name.trim()).filter(Boolean);
}

/** The offered length that holds this one. @param {number} seconds */
function lengthAround(seconds) {
  const above = LENGTHS_S.find((end) => seconds <= end);
  const below = LENGTHS_S.filter((end) => seconds > end).at(-1);
  return `${below ?? ""}-${above ?? ""}`;
}
