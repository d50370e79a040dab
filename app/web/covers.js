/**
 * Covers: a small picture over the page's own drawing of a track. Where a track has none the service
 * answers a clear pixel, and the drawing stays.
 */

import { coverAddress, isGuarded, request } from "./api.js";
import { element } from "./text.js";

/** A row must stand so long before its cover is fetched: while one draws, most do not. */
const PAUSE_MS = 200;
/** Pictures that are kept when their rows go; a picture that comes back is not decoded again. */
const KEPT = 600;

export class Covers {
  /** @param {number} sizePx How many pixels to ask for. @param {() => void} [shown] Called when one is there. */
  constructor(sizePx, shown = () => {}) {
    this.sizePx = sizePx;
    this.shown = shown;
    /** @type {Map<number, HTMLImageElement>} */
    this.images = new Map();
    // An image element cannot show a key: behind a lock the pictures in view are fetched.
    this.watcher = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) this.#fetch(/** @type {HTMLImageElement} */ (target));
    });
  }

  /**
   * The picture of a track, the same element each time. It has the class `cover--shown` once it is there.
   * @param {number} id @returns {HTMLImageElement}
   */
  of(id) {
    const image = this.images.get(id) || this.#made(id);
    if (!image.src) setTimeout(() => image.isConnected && this.#begin(id, image), PAUSE_MS);
    return image;
  }

  /** @param {number} id */
  #made(id) {
    if (this.images.size >= KEPT) this.#forget();
    const image = element("img", {
      class: "cover", alt: "", width: 36, height: 36, loading: "lazy", decoding: "async", fetchPriority: "low",
      draggable: false, "data-cover": String(id),
    });
    image.addEventListener("load", () => {
      image.classList.toggle("cover--shown", image.naturalWidth > 1);
      this.shown();
    });
    image.addEventListener("error", () => this.images.get(id) === image && this.images.delete(id));
    this.images.set(id, image);
    return image;
  }

  /** @param {number} id @param {HTMLImageElement} image */
  #begin(id, image) {
    if (image.src) return;
    if (isGuarded()) this.watcher.observe(image);
    else image.src = coverAddress(id, this.sizePx);
  }

  /** @param {HTMLImageElement} image */
  async #fetch(image) {
    this.watcher.unobserve(image);
    const answer = await request(coverAddress(Number(image.dataset.cover), this.sizePx)).catch(() => null);
    if (answer && !image.src) image.src = URL.createObjectURL(await answer.blob());
  }

  /** Let go of the pictures that no row shows. */
  #forget() {
    for (const [id, image] of this.images) {
      if (image.isConnected) continue;
      this.watcher.unobserve(image);
      if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
      this.images.delete(id);
    }
  }
}
