/**
 * What the library learned of its listener: in sentences, as a plane before and after, with a way back from all of it;
 * and ten songs to rate.
 *
 * @import {Item} from "./types.js"
 * @import {Placing} from "./placing.js"
 */

import { forget, forgetAll, nextToRate, profile, weigh } from "./profile.js";
import { byId, element, svg, titleOf } from "./text.js";

const SONGS = 10;
/** Side of the picture of the plane, in its own units. */
const SIDE = 200;

export class Taste {
  /**
   * @param {Placing} placing
   * @param {{fail: (text: string) => void, say: (text: string, shown?: boolean) => void, changed: () => Promise<void>, play: (item: Item) => void}} outside
   */
  constructor(placing, outside) {
    this.placing = placing;
    this.outside = outside;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("taste"));
    this.weight = /** @type {HTMLInputElement} */ (byId("taste-weight"));
    byId("close-taste").addEventListener("click", () => this.dialog.close());
    byId("rate").addEventListener("click", () => this.rate(1));
    byId("forget-all").addEventListener("click", () => this.#change(forgetAll));
    this.weight.addEventListener("change", () => this.#change(() => weigh(Number(this.weight.value))));
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
  }

  async open() {
    try {
      this.#show(await profile());
      this.dialog.showModal();
    } catch (error) {
      this.outside.fail(/** @type {Error} */ (error).message);
    }
  }

  /** Ask about one song after the other; each answer moves the plane. @param {number} number */
  async rate(number) {
    this.dialog.close();
    try {
      const { items } = await nextToRate();
      if (!items.length || number > SONGS) {
        this.outside.say(items.length ? `${SONGS} songs rated. The plane has followed.` : "There is no other song to ask about.", true);
        return;
      }
      const { track, heard } = items[0];
      this.outside.play({ track, segment: { start_s: (track.duration_s ?? 0) / 3, end_s: track.duration_s ?? Infinity }, ...heard });
      const text = `${number} of ${SONGS}`;
      const done = () => this.rate(number + 1);
      await this.placing.begin(track, { text, done, stop: () => this.outside.say("Stopped. What you said is kept.", true) });
    } catch (error) {
      this.outside.fail(/** @type {Error} */ (error).message);
    }
  }

  /** @param {() => Promise<any>} what */
  async #change(what) {
    try {
      await what();
      await this.outside.changed();
      this.#show(await profile());
    } catch (error) {
      this.outside.fail(/** @type {Error} */ (error).message);
    }
  }

  /** @param {any} known The body of `GET /v1/profile`. */
  #show(known) {
    byId("taste-sentences").replaceChildren(...known.sentences.map((/** @type {string} */ text) => element("li", {}, text)));
    this.weight.value = String(known.weight);
    const placed = known.answers.filter((/** @type {any} */ answer) => answer.valence !== null);
    byId("taste-own").hidden = !known.answers.length;
    byId("taste-picture").replaceChildren(picture(known.plane));
    byId("taste-answers").replaceChildren(...placed.map((/** @type {any} */ answer) => this.#answer(answer)));
  }

  /** @param {any} answer */
  #answer(answer) {
    const { track } = answer;
    const title = track ? titleOf(track) : answer.title;
    const row = element("li", {}, element("span", { dir: "auto" }, title));
    if (track) {
      const button = element("button", { class: "button button--quiet", type: "button", "aria-label": `Forget ${title}` }, "Forget");
      button.addEventListener("click", () => this.#change(() => forget(track.id)));
      row.append(button);
    } else row.append(element("span", { class: "quiet" }, "not in the index now"));
    return row;
  }
}

/** Where a grid of places is moved. @param {{before: any, after: any}[]} points */
function picture(points) {
  const x = (/** @type {any} */ at) => 10 + ((SIDE - 20) * (at.valence + 1)) / 2;
  const y = (/** @type {any} */ at) => 10 + ((SIDE - 20) * (1 - at.arousal)) / 2;
  const marks = points.flatMap(({ before, after }) => [
    svg("line", { x1: x(before), y1: y(before), x2: x(after), y2: y(after) }),
    svg("circle", { cx: x(after), cy: y(after), r: 3 }),
  ]);
  const name = "The plane before and after";
  return svg("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", "aria-label": name }, ...marks);
}
