/**
 * A list of any length: rows of one height, of which those in view are made, and pages of which those
 * in view are fetched. The arrow keys, Page Up, Page Down, Home and End go from row to row.
 */

import { clamp } from "./geometry.js";
import { element } from "./text.js";

export const ROW_PX = 52;
/** Rows beyond both edges of the view. */
const BEYOND = 6;

/**
 * @typedef {object} Source
 * @property {number} page Items that are fetched together.
 * @property {(offset: number) => Promise<{total: number, items: any[]}>} fetch
 * @property {(item: any, index: number) => Element[]} row Its parts, the button that acts first.
 * @property {(item: any) => void} looked What the pointer or the focus is on; null for nothing.
 * @property {(error: Error) => void} failed
 */

export class VirtualList {
  /** @param {HTMLElement} scroll @param {HTMLElement} list @param {Source} source */
  constructor(scroll, list, source) {
    this.scroll = scroll;
    this.list = list;
    this.source = source;
    this.total = 0;
    this.at = 0;
    this.turn = 0;
    this.waiting = 0;
    /** @type {Map<number, any[] | null>} Null while it is on its way. */
    this.pages = new Map();
    /** @type {Map<number, HTMLLIElement>} */
    this.rows = new Map();
    scroll.addEventListener("scroll", () => this.soon(), { passive: true });
    new ResizeObserver(() => this.soon()).observe(scroll);
    list.addEventListener("keydown", (event) => this.key(event));
    list.addEventListener("pointerover", (event) => this.look(event.target));
    list.addEventListener("focusin", (event) => this.look(event.target));
    list.addEventListener("pointerleave", () => source.looked(null));
    list.addEventListener("focusout", (event) => {
      if (!(event.relatedTarget instanceof Node && list.contains(event.relatedTarget))) source.looked(null);
    });
  }

  /** Another list: begin at its top. */
  reset() {
    this.turn += 1;
    this.pages.clear();
    this.rows.clear();
    this.list.replaceChildren();
    this.total = 0;
    this.at = 0;
    this.scroll.scrollTop = 0;
    this.load(0);
  }

  /** The same list with other items in it: stay where it is. */
  again() {
    this.turn += 1;
    this.pages.clear();
    this.fill();
  }

  soon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.fill();
    });
  }

  /** @param {number} page */
  async load(page) {
    if (this.pages.has(page)) return;
    this.pages.set(page, null);
    const { turn } = this;
    try {
      const { total, items } = await this.source.fetch(page * this.source.page);
      if (turn !== this.turn) return;
      this.pages.set(page, items);
      this.total = total;
      this.list.style.height = `${total * ROW_PX}px`;
      for (let index = page * this.source.page; index < page * this.source.page + items.length; index += 1) this.drop(index);
      this.fill();
    } catch (error) {
      if (turn !== this.turn) return;
      this.pages.delete(page);
      this.source.failed(/** @type {Error} */ (error));
    }
  }

  /** Forget a row that was made before its item came. @param {number} index */
  drop(index) {
    this.rows.get(index)?.remove();
    this.rows.delete(index);
  }

  /** Make the rows in view, and let go of the others; the focused one stays. */
  fill() {
    const first = clamp(Math.floor(this.scroll.scrollTop / ROW_PX) - BEYOND, 0, Math.max(0, this.total - 1));
    const last = Math.min(this.total, Math.ceil((this.scroll.scrollTop + this.scroll.clientHeight) / ROW_PX) + BEYOND);
    for (const [index, row] of this.rows) {
      if ((index < first || index >= last) && !row.contains(document.activeElement)) this.drop(index);
    }
    for (let index = first; index < last; index += 1) {
      if (!this.rows.has(index)) this.make(index);
    }
    for (let page = Math.floor(first / this.source.page); page * this.source.page < last; page += 1) this.load(page);
  }

  /** @param {number} index */
  itemAt(index) {
    return this.pages.get(Math.floor(index / this.source.page))?.[index % this.source.page] ?? null;
  }

  /** @param {number} index */
  make(index) {
    const item = this.itemAt(index);
    const parts = item ? this.source.row(item, index) : [element("span", { class: "quiet" }, "…")];
    const row = element("li", { class: "browse__row", "data-index": String(index), "aria-setsize": String(this.total), "aria-posinset": String(index + 1) }, ...parts);
    row.style.top = `${index * ROW_PX}px`;
    this.reach(row, index === this.at);
    const after = [...this.list.children].find((other) => Number(other.getAttribute("data-index")) > index);
    this.list.insertBefore(row, after || null);
    this.rows.set(index, row);
  }

  /** One row is in the order of the Tab key. @param {HTMLElement} row @param {boolean} on */
  reach(row, on) {
    for (const button of row.querySelectorAll("button")) button.tabIndex = on ? 0 : -1;
  }

  /** @param {EventTarget | null} target */
  look(target) {
    const row = target instanceof Element ? target.closest("[data-index]") : null;
    if (row) this.source.looked(this.itemAt(Number(row.getAttribute("data-index"))));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const inView = Math.max(1, Math.floor(this.scroll.clientHeight / ROW_PX) - 1);
    const steps = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1, PageDown: inView, PageUp: -inView, Home: -Infinity, End: Infinity });
    const row = event.target instanceof Element ? event.target.closest("[data-index]") : null;
    if (!(event.key in steps) || !row) return;
    event.preventDefault();
    this.go(clamp(Number(row.getAttribute("data-index")) + steps[event.key], 0, this.total - 1));
  }

  /** The focus to a row, however far it is. @param {number} index */
  async go(index) {
    const before = this.rows.get(this.at);
    if (before) this.reach(before, false);
    this.at = index;
    const top = index * ROW_PX;
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    else if (top + ROW_PX > this.scroll.scrollTop + this.scroll.clientHeight) this.scroll.scrollTop = top + ROW_PX - this.scroll.clientHeight;
    this.fill();
    const { turn } = this;
    for (let tries = 0; tries < 200 && !this.itemAt(index) && turn === this.turn; tries += 1) await new Promise((done) => setTimeout(done, 25));
    if (this.at !== index || turn !== this.turn) return;
    this.fill();
    const row = this.rows.get(index);
    if (!row) return;
    this.reach(row, true);
    row.querySelector("button")?.focus({ preventScroll: true });
  }
}
