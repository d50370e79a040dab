/**
 * The page: makes the parts and connects them.
 *
 * @import {GroupKind, Item, Mood, Query} from "./types.js"
 */

import { library, Problem, request, track, trackMap, Unreachable } from "./api.js";
import { ClipDrop } from "./clip.js";
import { isDark } from "./colour.js";
import { Examples } from "./examples.js";
import { Find } from "./find.js";
import { followAddress } from "./history.js";
import { Library, progressText, showProgress } from "./library.js";
import { later } from "./later.js";
import { Likes } from "./seeds.js";
import { fromHash, isRanked } from "./link.js";
import { Plane } from "./plane.js";
import { Placing } from "./placing.js";
import { Player } from "./player.js";
import { headline, Playlist } from "./playlist.js";
import { Pointed } from "./dot-label.js";
import { Sample } from "./sample.js";
import { Chips } from "./chips.js";
import { keepFocus } from "./focus.js";
import { Reading } from "./reading.js";
import { Search } from "./asking.js";
import { shownItems, Store } from "./store.js";
import { Strip } from "./timeline.js";
import { byId } from "./text.js";
import { fail, say, undoable } from "./toasts.js";
import { closeMenus, Tools } from "./tools.js";

const store = new Store();
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

/** @param {Query} query @param {boolean} [edited] */
function ask(query, edited) {
  plane.ask(query, edited);
}

/** @param {any} known The body of `GET /v1/library`. @returns {Mood[]} */
function moodsOf(known) {
  return Object.entries(known.moods).map(([word, at]) => ({ word, ...at }));
}

let retry = 0;

/** The service does not answer: say so once, try until it does. */
function lost() {
  if (!store.state.connected) return;
  store.set({ connected: false });
  const attempt = async () => {
    try {
      await request("healthz");
    } catch (error) {
      if (error instanceof Unreachable) {
        setTimeout(attempt, RETRY_MS[Math.min(retry++, RETRY_MS.length - 1)]);
        return;
      }
    }
    retry = 0;
    store.set({ connected: true });
    await load();
    search.again();
  };
  setTimeout(attempt, RETRY_MS[0]);
}

let waiting = 0;

/** Fetch what is indexed: at first, and whenever it may have changed. */
async function load() {
  clearTimeout(waiting);
  try {
    const known = await library();
    const changed = known.snapshot_id !== store.state.map?.snapshot_id;
    const first = store.state.catalogue === "unknown";
    const map = known.snapshot_id && changed ? await trackMap(store.state.options.scale) : store.state.map;
    store.set({
      library: known,
      moods: store.state.moods.length ? store.state.moods : moodsOf(known),
      map: known.snapshot_id ? map : null,
      catalogue: known.snapshot_id && known.tracks ? "ready" : known.indexing ? "indexing" : "empty",
    });
    if (changed && known.snapshot_id && !first) search.again();
    if (!known.snapshot_id || known.indexing) waiting = window.setTimeout(load, 2000);
  } catch (error) {
    if (error instanceof Unreachable) lost();
    else if (error instanceof Problem && error.status === 401) store.set({ catalogue: "locked" });
    else if (error instanceof Problem) fail(`The catalogue cannot be read: ${error.message}`);
    else throw error;
  }
}

/** @param {?string} theme */
function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  byId("theme").setAttribute("aria-label", isDark() ? "Light colours" : "Dark colours");
  plane.repaint();
  examples.fill();
  player.show();
  store.set({ items: [...store.state.items] });
}

/** Any dot of the plane, from its track's beginning. @param {number} id */
async function playTrack(id) {
  try {
    const found = await track(id);
    const segment = { start_s: 0, end_s: found.duration_s ?? Infinity };
    player.play({ track: found, segment, valence: 0, arousal: 0 });
  } catch (error) {
    fail(/** @type {Error} */ (error).message);
  }
}

/** A question is narrowed to the group; where there is none, its tracks are shown. @param {GroupKind} of @param {string} name */
function showGroup(of, name) {
  const { query, options } = store.state;
  if (!isRanked(query)) ask({ kind: "group", of, name });
  else {
    const others = options.terms.filter((term) => term.not || term.what !== of);
    store.set({ options: { ...options, terms: [...others, { not: false, what: of, value: name }] }, clip: null });
  }
}

/** From the first track that is shown to the last. */
function playAll() {
  const [first] = shownItems(store.state);
  if (first) player.play(first);
}

/** @param {GroupKind | "track"} what */
function browse(what) {
  ask({ kind: "browse", what });
}

const withStations = later("The stations", async () => new (await import("./stations.js")).Stations({
  ask, say, fail, show: (query, options) => store.set({ query, options, clip: null }), question: () => tools.question, name: () => headline(store.state), copy: (text, done) => tools.copy(text, done) }));
const withTaste = later("Your plane", async () => new (await import("./taste.js")).Taste(placing, { say, fail, changed: followed, play }));
const withBrowse = later("The lists", async () => new (await import("./browse.js")).Browse(store, {
  group: (of, name) => ask({ kind: "group", of, name }), play, narrow, fail, like: likes.like, know: (each) => pointed.known.set(each.id, each) }));

const player = new Player(store, { fail });
const play = (/** @type {Item} */ item) => player.play(item);
const nowS = () => player.nowS();
const plane = new Plane(store, { play, playTrack, nowS, say });
const search = new Search(store, { lost, changed: load });
const examples = new Examples(store, { ask });
new Strip(store, { ask, nowS, seek: (t) => player.seek(t), listen: (clip) => player.listen(clip) });
const likes = new Likes(store, { ask });
const chips = new Chips(store, { say });
const { narrow } = chips;
new Reading(store, { ask });
new Playlist(store, { play, say, undoable, narrow, like: ({ track }) => likes.like(track), likeToo: ({ track }) => likes.likeToo(track) });
new Find(store, { ask, like: likes.like, likeToo: likes.likeToo, group: showGroup, narrow, play: playTrack, say });
new Sample(store, { play });
const pointed = new Pointed(store, plane, track);
const tools = new Tools(store, { say, fail, playAll, again: () => search.again() });
new ClipDrop(store, { say, fail });
keepFocus();
new Library(store, { say, fail, reload: load });

/** The listener's plane is another one now. */
async function followed() {
  store.set({ map: await trackMap(store.state.options.scale) });
  search.again();
}

const placing = new Placing(store, plane, { say, fail, undoable, changed: followed });
byId("feel").addEventListener("click", async () => {
  const { playing } = store.state;
  if (typeof playing?.id === "number") placing.begin(await track(playing.id));
});
store.on(["playing"], ({ playing }) => (byId("feel").hidden = typeof playing?.id !== "number"));

byId("theme").addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  localStorage.setItem("circumplex-theme", theme);
  setTheme(theme);
});
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(localStorage.getItem("circumplex-theme")));
/** Keys that work everywhere but in a field or on a button. @param {KeyboardEvent} event */
function shortcut(event) {
  const { target } = event;
  const busy = target instanceof HTMLElement && target.matches("input, textarea, button, summary, [role=slider], [role=application]");
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "?" && !(target instanceof HTMLElement && target.matches("input, textarea"))) byId("help").showModal();
  else if (event.key === "/" && !(target instanceof HTMLElement && target.matches("input, textarea"))) byId("find").focus();
  else if (event.key === " " && !busy && store.state.playing) player.toggle();
  else return;
  event.preventDefault();
}

document.addEventListener("keydown", shortcut);
store.on(["query"], ({ query }) => {
  if (query.kind === "browse") withBrowse(() => {});
});
for (const id of ["open-browse", "open-browse-here"]) byId(id).addEventListener("click", () => browse("album"));
for (const id of ["open-stations", "open-stations-here"]) byId(id).addEventListener("click", () => withStations((stations) => stations.open(false)));
for (const id of ["open-taste", "open-taste-here"]) byId(id).addEventListener("click", () => withTaste((taste) => taste.open()));
byId("keep").addEventListener("click", () => {
  closeMenus();
  withStations((stations) => stations.open(true));
});
/** @type {(GroupKind | "track")[]} */
const LISTS = ["album", "artist", "genre", "folder", "track"];
for (const what of LISTS) byId(`browse-${what}`).addEventListener("click", () => browse(what)); // they are seen before the lists' code is here
byId("close-browse").addEventListener("click", () => ask({ kind: "none" }));
byId("start-clip").addEventListener("click", () => byId("clip-file").click());
byId("open-help").addEventListener("click", () => byId("help").showModal());
byId("help").addEventListener("click", (/** @type {Event} */ event) => event.target === byId("help") && byId("help").close());
byId("clear").addEventListener("click", () => ask({ kind: "none" }));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (event.target instanceof HTMLElement && event.target.matches("input, textarea")) return;
  if (store.state.clip) store.set({ clip: null });
  else ask({ kind: "none" });
});

store.on(["connected"], ({ connected }) => (byId("lost").hidden = connected));
store.on(["catalogue", "clip"], ({ catalogue, clip }) => {
  byId("opening").hidden = Boolean(clip) || catalogue !== "unknown";
  byId("empty").hidden = Boolean(clip) || catalogue === "unknown" || catalogue === "ready";
  byId("empty").dataset.kind = catalogue;
  for (const id of ["open-browse", "open-stations", "open-taste"]) byId(id).hidden = catalogue !== "ready";
});
store.on(["library"], ({ library: known }) => {
  const { files_total: total, files_done: done } = known?.progress || {};
  const part = known?.indexing ? ` · indexing${total ? ` ${Math.floor((100 * done) / total)} %` : ""}` : "";
  byId("count").textContent = known?.tracks ? `${known.tracks.toLocaleString("en")} tracks${part}` : "";
  byId("first-text").textContent = known?.progress ? progressText(known.progress) : "";
  showProgress(byId("first-bar"), known?.progress || {});
});
store.on(["options"], ({ options, map }) => {
  if (map && map.scale !== options.scale) trackMap(options.scale).then((fresh) => store.set({ map: fresh }), lost);
});

store.set(fromHash(window.location.hash));
followAddress(store, { back: () => search.again() });
setTheme(localStorage.getItem("circumplex-theme"));
load();
