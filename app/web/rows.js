/**
 * One row of the list: a track, where in it, how well it fits and, opened, in what it differs.
 *
 * @import {Item, Term} from "./types.js"
 */

import { isDark } from "./colour.js";
import { markColour } from "./drawing.js";
import { termName, termsOfTrack, termWords } from "./terms.js";
import { capital, clock, creditOf, element, isWhole, number, segmentLine, signed, titleOf } from "./text.js";

/**
 * @typedef {object} RowActions
 * @property {(item: Item) => void} play
 * @property {(item: Item) => void} like
 * @property {((item: Item) => void) | null} likeToo Null where the question is not one of tracks.
 * @property {(item: Item) => void} open Show or hide in what it differs.
 * @property {((item: Item) => void) | null} remove Null where the list is not the visitor's own.
 * @property {(item: Item, by: number) => void} move
 * @property {(event: PointerEvent, item: Item) => void} drag
 * @property {(item: Item) => HTMLImageElement} cover
 * @property {(term: Term) => void} narrow Ask for what has this too, or leave it out.
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
 * @param {Item} item @param {number} index @param {boolean} opened @param {RowActions} actions
 */
export function row(item, index, opened, actions) {
  const title = titleOf(item.track);
  const play = () => actions.play(item);
  const { likeToo, remove } = actions;
  const when = isWhole(item) ? clock(item.track.duration_s ?? 0) : `at ${clock(item.segment.start_s)}`;
  const tools = element("span", { class: "item__tools" },
    toolButton("like", `More like ${title}`, "≈", () => actions.like(item)),
    likeToo && toolButton("too", `Like ${title} too`, "+", () => likeToo(item)),
    remove && moveButton(item, title, actions),
    remove && toolButton("remove", `Remove ${title}`, "×", () => remove(item)));
  const plain = item.fit === undefined ? " item--plain" : "";
  return element("li", { class: `item${opened ? " item--open" : ""}${plain}`, "data-track": String(item.track.id) },
    playButton(item, String(index + 1), play, actions.cover(item)), trackText(item, play),
    element("span", { class: "item__when", title: segmentLine(item) }, when),
    fitMark(item, opened, () => actions.open(item)), tools, opened && details(item, actions));
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

/** How well it fits, as one bar; opens the reasons. Where nothing was ranked, a sign that opens what the track has. @param {Item} item @param {boolean} opened @param {() => void} open */
function fitMark(item, opened, open) {
  if (item.fit === undefined) return toolButton("terms", `What ${titleOf(item.track)} has: only this, or without it`, "±", open);
  const share = Math.round(100 * item.fit);
  const bar = element("span", { class: "fit__bar", "aria-hidden": "true" });
  bar.style.setProperty("--fill", String(0.06 + 0.94 * item.fit));
  const note = `fits ${share} %: ${item.reason}`;
  return element("button", {
    class: "fit", type: "button", "data-part": "fit", title: capital(note), "aria-expanded": String(opened), onclick: open,
  }, bar, element("span", { class: "unseen" }, note));
}

/** The score and its two halves, for those who want them. @param {Item} item */
function numbers(item) {
  const { explanation } = item;
  const [cca, kl] = explanation ? [explanation.cca_contribution, explanation.kl_contribution] : [item.rho_sim, item.neg_kl];
  const own = explanation?.personal_contribution ? `, your plane ${signed(explanation.personal_contribution)}` : "";
  const halves = cca === undefined || kl === undefined ? "" : `: correlation ${signed(cca)}, likelihood ${signed(kl)}${own}`;
  return element("details", { class: "item__numbers" }, element("summary", {}, "Numbers"),
    element("p", {}, `Fit ${Math.round(100 * (item.fit ?? 0))} %: nearness on the plane alone. The order also weighs the whole of the music.`),
    element("p", {}, `Score ${number(/** @type {number} */ (item.score))}${halves}`),
    element("p", {}, `Valence ${signed(item.valence)}, arousal ${signed(item.arousal)}`));
}

/** What an opened row adds: the reason, the place, and what else can be done with it. @param {Item} item @param {RowActions} actions */
function details(item, actions) {
  const button = (/** @type {string} */ text, /** @type {() => void} */ run) =>
    element("button", { class: "button button--quiet", type: "button", "data-part": text, "aria-label": `${text}: ${titleOf(item.track)}`, onclick: run }, text);
  const { likeToo, remove } = actions;
  return element("div", { class: "item__more" },
    item.reason ? element("p", { class: "item__reason" }, `${capital(item.reason)}.`) : null,
    element("p", {}, segmentLine(item)), termList(item, actions), item.fit === undefined ? null : numbers(item),
    element("div", { class: "row" }, button("More like this", () => actions.like(item)),
      likeToo && button("Like this too", () => likeToo(item)),
      remove && button("Up", () => actions.move(item, -1)), remove && button("Down", () => actions.move(item, 1)),
      remove && button("Remove", () => remove(item))));
}

/** What the track has, each with a plus and a minus. @param {Item} item @param {RowActions} actions */
function termList({ track }, actions) {
  const button = (/** @type {Term} */ term, /** @type {boolean} */ not) => {
    const name = termName({ ...term, not });
    return element("button", {
      class: "term__sign", type: "button", "data-part": name, "aria-label": name, title: name, onclick: () => actions.narrow({ ...term, not }),
    }, not ? "−" : "+");
  };
  return element("ul", { class: "terms", "aria-label": "Only this, or without it" }, ...termsOfTrack(track).map((term) => (
    element("li", { class: "term" }, button(term, false), element("span", { class: "term__words", dir: "auto", title: termWords(term) }, termWords(term)), button(term, true)))));
}
