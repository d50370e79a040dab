/**
 * Russell's affect words on the plane. They are buttons for the keyboard and screen readers; the
 * pointer goes through them, so that a path may begin on a word.
 *
 * @import {Affect, Mood} from "./types.js"
 * @import {Store} from "./store.js"
 */

import { COMMON_WORDS, element } from "./text.js";

/** @typedef {{left: number, right: number, top: number, bottom: number}} Box */

/** How far a word may stand from its place, in heights and widths of its own; the nearest first. */
const MOVES = [[0, 0], [0, -0.8], [0, 0.8], [-0.4, 0], [0.4, 0], [-0.4, -0.8], [0.4, -0.8], [-0.4, 0.8], [0.4, 0.8]];
/** Room around a word, pixels. */
const ACROSS = 6;
const ABOVE = 2;

/**
 * Where a word has room.
 * @param {[number, number]} at @param {number[]} size @param {{width: number, height: number}} frame @param {Box[]} taken
 */
function placeFor([x, y], [width, height], frame, taken) {
  for (const [across, down] of MOVES) {
    const left = Math.min(frame.width - width - 4, Math.max(4, x + across * width - width / 2));
    const top = Math.min(frame.height - height - 4, Math.max(4, y + down * height - height / 2));
    const box = { left: left - ACROSS, right: left + width + ACROSS, top: top - ABOVE, bottom: top + height + ABOVE };
    if (taken.every((t) => t.right < box.left || t.left > box.right || t.bottom < box.top || t.top > box.bottom)) {
      return { left, top, box, moved: across !== 0 || down !== 0 };
    }
  }
  return null;
}

export class Words {
  /** @param {Store} store @param {HTMLElement} root @param {(word: string) => void} choose */
  constructor(store, root, choose) {
    this.root = root;
    this.choose = choose;
    /** @type {{mood: Mood, node: HTMLButtonElement, box: ?Box}[]} */
    this.labels = [];
    root.addEventListener("keydown", (event) => this.key(event));
    store.on(["moods"], ({ moods }) => this.fill(moods));
    store.on(["moods", "query", "clip"], ({ query, clip }) => {
      for (const { mood, node } of this.labels) {
        node.setAttribute("aria-pressed", String(!clip && query.kind === "mood" && query.word === mood.word));
      }
    });
  }

  /** @param {Mood[]} moods */
  fill(moods) {
    const round = [...moods].sort((a, b) => Math.atan2(a.arousal, a.valence) - Math.atan2(b.arousal, b.valence));
    this.labels = round.map((mood, index) => {
      const node = element("button", {
        class: "word", type: "button", tabindex: index === 0 ? 0 : -1, "aria-pressed": "false",
        onclick: () => this.choose(mood.word),
      }, mood.word);
      return { mood, node, box: null };
    });
    this.root.replaceChildren(...this.labels.map((label) => label.node));
    if (this.place && this.frame) this.arrange(this.place, this.frame);
  }

  /**
   * Put the words where they belong, the common ones first. One that would cover another moves a
   * little; where that does not help it is left out, and the box still finds it.
   * @param {(at: Affect) => [number, number]} place @param {{width: number, height: number}} frame
   */
  arrange(place, frame) {
    this.place = place;
    this.frame = frame;
    const sizes = this.labels.map(({ node }) => [node.offsetWidth, node.offsetHeight]);
    const order = this.labels.map((_, i) => i).sort((a, b) => this.weight(b) - this.weight(a));
    /** @type {Box[]} */
    const taken = [];
    for (const index of order) {
      const label = this.labels[index];
      const found = placeFor(place(label.mood), sizes[index], frame, taken);
      label.box = found && found.box;
      label.node.style.visibility = found ? "visible" : "hidden";
      label.node.toggleAttribute("data-moved", Boolean(found?.moved));
      if (found) {
        label.node.style.transform = `translate(${Math.round(found.left)}px, ${Math.round(found.top)}px)`;
        taken.push(found.box);
      }
    }
    const first = this.labels.find((label) => label.box);
    for (const label of this.labels) label.node.tabIndex = label === first ? 0 : -1;
  }

  /** @param {number} index */
  weight(index) {
    const { word, valence, arousal } = this.labels[index].mood;
    const rank = COMMON_WORDS.indexOf(word);
    return (rank < 0 ? 0 : 100 - rank) + Math.hypot(valence, arousal);
  }

  /** @param {string} word Whether it has room, so that it can be marked itself. */
  shows(word) {
    return this.labels.some(({ mood, box }) => mood.word === word && box !== null);
  }

  /** @param {{clientX: number, clientY: number}} event @returns {?string} The word under the pointer. */
  at(event) {
    const origin = this.root.getBoundingClientRect();
    const [x, y] = [event.clientX - origin.left, event.clientY - origin.top];
    const found = this.labels.find(({ box }) => box && x > box.left && x < box.right && y > box.top && y < box.bottom);
    return found ? found.mood.word : null;
  }

  /** Mark the word under the pointer. @param {{clientX: number, clientY: number}} event @returns {?string} */
  point(event) {
    const word = this.at(event);
    for (const { mood, node } of this.labels) node.classList.toggle("word--near", mood.word === word);
    return word;
  }

  /** Mark none. */
  forget() {
    for (const { node } of this.labels) node.classList.remove("word--near");
  }

  /** Arrow keys walk around the circle. @param {KeyboardEvent} event */
  key(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const shown = this.labels.filter((label) => label.box);
    const now = shown.findIndex((label) => label.node === document.activeElement);
    if (!step || now < 0) return;
    event.preventDefault();
    const next = shown[(now + step + shown.length) % shown.length];
    shown[now].node.tabIndex = -1;
    next.node.tabIndex = 0;
    next.node.focus();
  }
}
