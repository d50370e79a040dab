/**
 * Listening: one audio element, from the segment's start, one item after the other.
 *
 * @import {Clip, Item} from "./types.js"
 * @import {Store, Playing} from "./store.js"
 */

import { audioAddress, isGuarded, notePlay, request, trackEmotion } from "./api.js";
import { css, dotColour, isDark } from "./colour.js";
import { Covers } from "./covers.js";
import { clamp } from "./geometry.js";
import { shownItems } from "./store.js";
import { byId, clock, creditOf, titleOf } from "./text.js";

/** After so many tracks in a row that cannot be played, the next would not play either. */
const MOST_FAILURES = 3;
/** Whoever leaves a track earlier has not heard it. */
const HEARD_S = 2;
/** Half of a track, or so much of a long one, is a play; less is a skip. */
const PLAYED_S = 240;
const VOLUME_KEY = "circumplex-volume";
/** Enough for a lock screen too. */
const COVER_PX = 512;

export class Player {
  /** @param {Store} store @param {{fail: (text: string) => void}} outside */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.audio = /** @type {HTMLAudioElement} */ (byId("audio"));
    this.bar = byId("player");
    this.seekBar = /** @type {HTMLInputElement} */ (byId("seek"));
    this.whole = /** @type {HTMLInputElement} */ (byId("whole"));
    /** @type {Map<string, Promise<any>>} */
    this.emotions = new Map();
    this.fetched = "";
    this.covers = new Covers(COVER_PX, () => this.#tellSession());
    this.cover = byId("playing-cover");
    /** Tracks in a row that could not be played. */
    this.failures = 0;
    this.#listen();
  }

  #listen() {
    const { audio } = this;
    byId("toggle").addEventListener("click", () => this.toggle());
    byId("next").addEventListener("click", () => this.step(1));
    byId("previous").addEventListener("click", () => this.step(-1));
    byId("stop").addEventListener("click", () => this.stop());
    this.seekBar.addEventListener("input", () => (audio.currentTime = Number(this.seekBar.value)));
    audio.addEventListener("loadedmetadata", () => this.measured());
    audio.addEventListener("timeupdate", () => this.moved());
    audio.addEventListener("ended", () => this.step(1));
    audio.addEventListener("error", () => this.failed());
    for (const name of ["play", "pause"]) audio.addEventListener(name, () => this.show());
    this.store.on(["playing"], () => this.show());
    this.store.on(["playing"], (state) => this.#showCover(state.playing));
    // Where whole tracks are asked for there is nothing to choose.
    this.store.on(["options"], ({ options }) => (byId("whole-label").hidden = options.level === "track"));
    this.#listenToKeys();
    this.#listenToVolume();
  }

  /** The browser remembers it. */
  #listenToVolume() {
    const bar = /** @type {HTMLInputElement} */ (byId("volume"));
    const set = (/** @type {number} */ volume) => {
      this.audio.volume = volume;
      bar.value = String(volume);
      bar.setAttribute("aria-valuetext", `${Math.round(100 * volume)} %`);
    };
    bar.addEventListener("input", () => {
      set(Number(bar.value));
      localStorage.setItem(VOLUME_KEY, bar.value);
    });
    set(clamp(Number(localStorage.getItem(VOLUME_KEY) ?? 1) || 0, 0, 1));
  }

  /** Keys of the keyboard, the headphones and the lock screen, where the browser passes them on. */
  #listenToKeys() {
    const session = navigator.mediaSession;
    if (!session) return;
    session.setActionHandler("play", () => this.toggle());
    session.setActionHandler("pause", () => this.toggle());
    session.setActionHandler("nexttrack", () => this.step(1));
    session.setActionHandler("previoustrack", () => this.step(-1));
    this.store.on(["playing"], () => this.#tellSession());
  }

  /** What plays, for the lock screen: with its cover, once that is there. */
  #tellSession() {
    const { playing } = this.store.state;
    if (!navigator.mediaSession) return;
    const image = this.cover.querySelector(".cover--shown");
    const artwork = image ? [{ src: image.src, sizes: `${image.naturalWidth}x${image.naturalHeight}`, type: "image/jpeg" }] : [];
    navigator.mediaSession.metadata = playing && new MediaMetadata({ title: playing.title, artist: playing.credit, artwork });
  }

  /** @param {?Playing} playing */
  #showCover(playing) {
    const shown = this.cover.querySelector("img");
    const image = typeof playing?.id === "number" ? this.covers.of(playing.id) : null;
    if (shown === image) return;
    shown?.remove();
    if (image) this.cover.append(image);
  }

  /** @returns {?number} Seconds into what plays; null when nothing does. */
  nowS() {
    return this.store.state.playing ? this.audio.currentTime : null;
  }

  /** @param {Item} item */
  play(item) {
    const { playing } = this.store.state;
    if (playing && playing.id === item.track.id) {
      this.toggle();
      return;
    }
    const { start_s: startS, end_s: endS } = item.segment;
    this.#begin({
      url: audioAddress(item.track.id), title: titleOf(item.track), credit: creditOf(item.track),
      id: item.track.id, startS, endS, emotion: null,
    });
    this.#fetchEmotion(item.track.id);
  }

  /** @param {Clip} clip */
  listen(clip) {
    this.#begin({
      url: clip.url, title: clip.name, credit: "your clip", id: null, startS: 0,
      endS: clip.answer.duration_s, emotion: clip.answer,
    });
  }

  /** @param {Playing} playing */
  async #begin(playing) {
    this.#note();
    this.store.set({ playing });
    const source = await this.#source(playing);
    if (this.store.state.playing?.url !== playing.url) return;
    this.audio.src = source;
    this.seekBar.max = String(Math.max(Number.isFinite(playing.endS) ? playing.endS : 0, 1));
    this.audio.currentTime = playing.startS;
    this.audio.play().catch((error) => {
      if (error.name === "NotAllowedError") this.show();
    });
  }

  /** An audio element cannot show a key: behind a lock the file is fetched first. @param {Playing} playing */
  async #source({ url, id }) {
    if (id === null || !isGuarded()) return url;
    URL.revokeObjectURL(this.fetched);
    const answer = await request(`v1/tracks/${id}/audio`).catch(() => null);
    this.fetched = answer ? URL.createObjectURL(await answer.blob()) : url;
    return this.fetched;
  }

  /** @param {number} id */
  #fetchEmotion(id) {
    const { scale } = this.store.state.options;
    const key = `${scale}/${id}`;
    const known = this.emotions.get(key) || trackEmotion(id, scale);
    this.emotions.set(key, known);
    known.then(
      (emotion) => {
        const { playing } = this.store.state;
        if (playing && playing.id === id) this.store.set({ playing: { ...playing, emotion } });
      },
      () => this.emotions.delete(key),
    );
  }

  toggle() {
    if (this.audio.paused) this.audio.play().catch(() => this.show());
    else this.audio.pause();
  }

  /** @param {number} seconds */
  seek(seconds) {
    if (this.store.state.playing) this.audio.currentTime = seconds;
  }

  /** The next item of the playlist, or the one before. @param {number} by */
  step(by) {
    const { playing } = this.store.state;
    const items = shownItems(this.store.state);
    const here = items.findIndex((item) => item.track.id === playing?.id);
    const next = items[here + by];
    if (here >= 0 && next) this.play(next);
    else this.stop();
  }

  stop() {
    this.#note();
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.store.set({ playing: null });
  }

  /** Tell the service what was heard of the track that plays, before another one does. */
  #note() {
    const { playing } = this.store.state;
    const heardS = playing ? this.audio.currentTime - playing.startS : 0;
    if (!playing || playing.id === null || heardS < HEARD_S) return;
    const lengthS = (Number.isFinite(this.audio.duration) ? this.audio.duration : playing.endS) - playing.startS;
    notePlay(playing.id, heardS < Math.min(lengthS / 2, PLAYED_S));
  }

  measured() {
    const { playing } = this.store.state;
    if (!playing) return;
    if (Number.isFinite(this.audio.duration)) this.seekBar.max = String(this.audio.duration);
    if (this.audio.currentTime < playing.startS) this.audio.currentTime = playing.startS;
    this.show();
  }

  moved() {
    const { playing } = this.store.state;
    if (!playing) return;
    if (this.audio.currentTime > playing.startS + 1) this.failures = 0;
    this.seekBar.value = String(this.audio.currentTime);
    byId("now").textContent = `${clock(this.audio.currentTime)} / ${clock(Number(this.seekBar.max))}`;
    this.seekBar.setAttribute("aria-valuetext", clock(this.audio.currentTime));
    const moments = this.store.state.options.level === "segment" && !this.whole.checked;
    if (playing.id !== null && moments && this.audio.currentTime >= playing.endS) this.step(1);
  }

  failed() {
    const { playing } = this.store.state;
    if (!playing || !this.audio.getAttribute("src")) return;
    this.outside.fail(`“${playing.title}” cannot be played in this browser.`);
    this.failures += 1;
    if (this.failures < MOST_FAILURES) this.step(1);
    else this.stop();
  }

  show() {
    const { playing } = this.store.state;
    this.bar.hidden = !playing;
    if (!playing) return;
    byId("playing-title").textContent = playing.title;
    byId("playing-credit").textContent = playing.credit;
    const toggle = byId("toggle");
    document.body.dataset.sounding = String(!this.audio.paused);
    toggle.dataset.state = this.audio.paused ? "paused" : "playing";
    toggle.setAttribute("aria-label", this.audio.paused ? "Play" : "Pause");
    this.seekBar.style.setProperty("--track", feelingGradient(playing));
    this.moved();
  }
}

/** The course of a track's feeling as colours from left to right. @param {Playing} playing */
function feelingGradient({ emotion }) {
  if (!emotion || !emotion.curve.length) return "var(--line)";
  const step = Math.max(1, Math.floor(emotion.curve.length / 40));
  const stops = emotion.curve
    .filter((_, i) => i % step === 0)
    .map((p) => `${css(dotColour(p.valence, p.arousal, isDark()))} ${((100 * p.t) / emotion.duration_s).toFixed(1)}%`);
  return stops.length > 1 ? `linear-gradient(to right, ${stops.join(", ")})` : "var(--line)";
}
