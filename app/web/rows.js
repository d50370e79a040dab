/**
 * One row of the list: a track, where in it, its score and, opened, what the score is made of.
 *
 * @import {Item} from "./types.js"
 */

import { isDark } from "./colour.js";
import { markColour } from "./drawing.js";
import { clock, creditOf, element, isWhole, number, segmentLine, signed, titleOf } from "./text.js";

/** @typedef {{cca: [number, number], kl: [number, number]}} PartScale Ends of the two bars. */

/**
 * @typedef {object} RowActions
 * @property {(item: Item) => void} play
 * @property {(item: Item) => void} like
 * @property {((item: Item) => void) | null} likeToo Null where the question is not one of tracks.
 * @property {(item: Item) => void} open Show or hide what the score is made of.
 * @property {((item: Item) => void) | null} remove Null where the list is not the visitor's own.
 * @property {(item: Item, by: number) => void} move
 * @property {(event: PointerEvent, item: Item) => void} drag
 * @property {(item: Item) => HTMLImageElement} cover
 */

/**
 * The button that plays: the cover, or a disc in the colour of the feeling.
 * @param {Item} item @param {string} sign @param {() => void} play @param {HTMLImageElement} cover
 */
export function playButton(item, sign, play, cover) {
  const from = isWhole(item) ? "" : ` from ${clock(item.segment.start_s)}`;
  const button = element("button", {
    class: "item__play", type: "button", "data-part": "play", onclick: play,
    "aria-label": `Play ${titleOf(item.track)}${from}`,
  }, cover, element("span", { class: "item__rank", "aria-hidden": "true" }, sign));
  button.style.setProperty("--feeling", markColour(item, isDark()));
  return button;
}

/** Title and credit; a click anywhere on them plays. @param {Item} item @param {() => void} play */
export function trackText(item, play) {
  return element("div", { class: "item__text", onclick: play },
    element("span", { class: "item__title", title: item.track.path, dir: "auto" }, titleOf(item.track)),
    element("span", { class: "item__credit", dir: "auto" }, creditOf(item.track) || item.track.path));
}

/**
 * @param {Item} item @param {number} index @param {PartScale} scale @param {boolean} opened
 * @param {RowActions} actions
 */
export function row(item, index, scale, opened, actions) {
  const title = titleOf(item.track);
  const play = () => actions.play(item);
  const { likeToo, remove } = actions;
  const when = isWhole(item) ? clock(item.track.duration_s ?? 0) : `at ${clock(item.segment.start_s)}`;
  const tools = element("span", { class: "item__tools" },
    toolButton("like", `More like ${title}`, "≈", () => actions.like(item)),
    likeToo && toolButton("too", `Like ${title} too`, "+", () => likeToo(item)),
    remove && moveButton(item, title, actions),
    remove && toolButton("remove", `Remove ${title}`, "×", () => remove(item)));
  const plain = item.score === undefined ? " item--plain" : "";
  const open = opened && item.rho_sim !== undefined;
  return element("li", { class: `item${open ? " item--open" : ""}${plain}`, "data-track": String(item.track.id) },
    playButton(item, String(index + 1), play, actions.cover(item)), trackText(item, play),
    element("span", { class: "item__when", title: segmentLine(item) }, when),
    score(item, scale, open, () => actions.open(item)), tools, open && details(item, actions));
}

/** @param {string} part @param {string} name @param {string} sign @param {() => void} run */
function toolButton(part, name, sign, run) {
  return element("button", { class: "icon", type: "button", "data-part": part, "aria-label": name, title: name, onclick: run }, sign);
}

/** @param {Item} item @param {string} title @param {RowActions} actions */
function moveButton(item, title, actions) {
  const button = toolButton("move", `Move ${title}: drag, or press the up and down arrow keys`, "⋮⋮", () => {});
  button.classList.add("icon--move");
  button.title = "Drag to reorder";
  button.addEventListener("keydown", (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    actions.move(item, by);
  });
  button.addEventListener("pointerdown", (event) => actions.drag(event, item));
  return button;
}

/** @param {Item[]} items @returns {PartScale} */
export function partScale(items) {
  const ends = (/** @type {number[]} */ values) =>
    /** @type {[number, number]} */ ([Math.min(...values), Math.max(...values)]);
  const known = items.filter((item) => item.rho_sim !== undefined);
  if (!known.length) return { cca: [0, 1], kl: [0, 1] };
  return { cca: ends(known.map(ccaPart)), kl: ends(known.map(klPart)) };
}

/** @param {Item} item The correlation half as it enters the score. */
function ccaPart(item) {
  return item.explanation ? item.explanation.cca_contribution : (item.rho_sim ?? 0);
}

/** @param {Item} item The distribution half as it enters the score. */
function klPart(item) {
  return item.explanation ? item.explanation.kl_contribution : (item.neg_kl ?? 0);
}

/** @param {Item} item @param {PartScale} scale @param {boolean} opened @param {() => void} open */
function score(item, scale, opened, open) {
  if (item.score === undefined) return null;
  const value = element("span", { class: "score__value" }, number(item.score));
  if (item.rho_sim === undefined) return element("span", { class: "score", title: "The higher, the more alike" }, value);
  const [cca, kl] = [ccaPart(item), klPart(item)];
  const note = `score ${number(item.score)} = ${number(cca)} by correlation ${kl < 0 ? "−" : "+"} ${number(Math.abs(kl))} by likelihood`;
  value.setAttribute("aria-hidden", "true");
  const bar = (/** @type {string} */ name, /** @type {number} */ part, /** @type {[number, number]} */ [low, high]) => {
    const fill = element("span", { class: `score__bar score__bar--${name}` });
    fill.style.setProperty("--fill", String(high > low ? 0.12 + (0.88 * (part - low)) / (high - low) : 1));
    return fill;
  };
  return element("button", {
    class: "score", type: "button", "data-part": "score", title: note, "aria-expanded": String(opened), onclick: open,
  }, value, element("span", { class: "score__bars", "aria-hidden": "true" }, bar("cca", cca, scale.cca), bar("kl", kl, scale.kl)),
  element("span", { class: "unseen" }, note));
}

/** What an opened row of a playlist adds: the sum, the place, and what else can be done with it. @param {Item} item @param {RowActions} actions */
function details(item, actions) {
  const part = (/** @type {string} */ name, /** @type {string} */ words, /** @type {number} */ value) =>
    element("span", { class: `part part--${name}` }, `${words} ${signed(value)}`);
  const button = (/** @type {string} */ text, /** @type {() => void} */ run) =>
    element("button", { class: "button button--quiet", type: "button", "data-part": text, "aria-label": `${text}: ${titleOf(item.track)}`, onclick: run }, text);
  const { likeToo, remove } = actions;
  return element("div", { class: "item__more" },
    element("p", {}, element("span", {}, `${number(/** @type {number} */ (item.score))} =`),
      part("cca", "correlation", ccaPart(item)), part("kl", "likelihood", klPart(item))),
    element("p", {}, `${segmentLine(item)} · valence ${signed(item.valence)}, arousal ${signed(item.arousal)}`),
    element("div", { class: "row" }, button("More like this", () => actions.like(item)),
      likeToo && button("Like this too", () => likeToo(item)),
      remove && button("Up", () => actions.move(item, -1)), remove && button("Down", () => actions.move(item, 1)),
      remove && button("Remove", () => remove(item))));
}
