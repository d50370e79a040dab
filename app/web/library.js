/**
 * The library: what is indexed, what failed and why, index runs as they go, older snapshots.
 *
 * @import {Store} from "./store.js"
 */

import { Admin, keepToken, keptToken, leftOut, Problem } from "./api.js";
import { byId, element, longTime } from "./text.js";

/** @type {Record<string, string>} */
const CALLED = { speech: "speech", noise: "noise or tone", short: "too short" };
const OPEN_STATES = ["queued", "running"];

export class Library {
  /**
   * @param {Store} store
   * @param {{say: (text: string, shown?: boolean) => void, fail: (text: string) => void, reload: () => Promise<void>}} outside
   *   `reload`: fetch the catalogue again, after it changed.
   */
  constructor(store, outside) {
    this.store = store;
    this.outside = outside;
    this.dialog = /** @type {HTMLDialogElement} */ (byId("library"));
    this.token = /** @type {HTMLInputElement} */ (byId("token"));
    byId("open-library").addEventListener("click", () => this.open());
    byId("open-library-empty").addEventListener("click", () => this.open());
    byId("close-library").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("close", () => this.watching?.abort());
    byId("token-form").addEventListener("submit", (/** @type {Event} */ e) => this.unlock(e));
    byId("run-form").addEventListener("submit", (/** @type {Event} */ e) => this.start(e));
    byId("cancel-run").addEventListener("click", () => this.cancel());
    byId("lock").addEventListener("click", () => this.lock());
    store.on(["library", "catalogue"], (state) => {
      this.facts(state.library);
      this.offerToken();
    });
  }

  /** The field for a token, where one opens anything that is not open yet. */
  offerToken() {
    const { library, catalogue } = this.store.state;
    const useless = catalogue !== "locked" && library?.administered === false;
    byId("no-token").hidden = !useless;
    byId("token-form").hidden = useless || Boolean(this.admin);
  }

  async open() {
    this.dialog.showModal();
    const kept = keptToken();
    if (kept) await this.enter(kept);
    if (this.store.state.catalogue !== "locked") this.showLeftOut(await leftOut().catch(() => []));
  }

  /** @param {any} library */
  facts(library) {
    const rows = library
      ? [
          ["Tracks", library.tracks.toLocaleString("en")],
          ["Music", library.duration_s ? longTime(library.duration_s) : "none"],
          ["Indexed", library.indexed_at ? when(library.indexed_at) : "never"],
          ["Snapshot", library.snapshot_id || "none"],
          ["Model", library.model_id],
        ]
      : [["Tracks", "unknown"]];
    byId("facts").replaceChildren(
      ...rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", { title: value }, value))),
    );
  }

  /** @param {{path: string, verdict: string, verdict_reason: ?string}[]} tracks */
  showLeftOut(tracks) {
    byId("left-out-section").hidden = !tracks.length;
    byId("left-out").replaceChildren(
      ...tracks.map(({ path, verdict, verdict_reason: reason }) =>
        element("li", {}, element("span", { class: "path", title: path }, path), element("span", { class: "quiet" }, `${CALLED[verdict]}: ${reason || ""}`)),
      ),
    );
  }

  /** @param {Event} event */
  async unlock(event) {
    event.preventDefault();
    await this.enter(this.token.value.trim());
  }

  /** @param {string} token */
  async enter(token) {
    const admin = new Admin(token);
    try {
      await this.refresh(admin);
    } catch (error) {
      this.lock();
      if (error instanceof Problem && error.status === 403) await this.enterReading(admin, token, error);
      else this.complain(/** @type {Error} */ (error));
      return;
    }
    this.admin = admin;
    this.token.value = "";
    keepToken(token);
    if (this.store.state.catalogue === "locked") this.outside.reload();
    this.complain(null);
    this.offerToken();
    byId("administration").hidden = false;
    this.watch();
  }

  /** A key that may read but not administer opens the rest of the page. @param {Admin} admin @param {string} token @param {Error} refusal */
  async enterReading(admin, token, refusal) {
    this.complain(refusal);
    try {
      await admin.reads();
    } catch {
      return;
    }
    keepToken(token);
    await this.outside.reload();
  }

  lock() {
    this.watching?.abort();
    keepToken("");
    this.admin = undefined;
    this.offerToken();
    byId("administration").hidden = true;
    this.complain(null);
  }

  /** @param {?Error} error */
  complain(error) {
    const node = byId("token-error");
    node.hidden = !error;
    if (error) node.textContent = error instanceof Problem && error.status === 401 ? "This token is not known." : error.message;
    this.token.setAttribute("aria-invalid", String(Boolean(error)));
  }

  /** @param {Admin} admin */
  async refresh(admin) {
    const runs = await admin.runs(); // alone: a token that is refused is sent once
    const [snapshots, failures] = await Promise.all([admin.snapshots(), admin.failures()]);
    this.runs = runs.items;
    this.showRun(runs.items[0]);
    this.showSnapshots(snapshots.items);
    this.showFailures(failures.items);
  }

  /** @param {Event} event */
  async start(event) {
    event.preventDefault();
    const folders = byId("roots").value.split("\n").map((/** @type {string} */ f) => f.trim()).filter(Boolean);
    const admin = /** @type {Admin} */ (this.admin);
    try {
      const run = await admin.start(folders, byId("full").checked, byId("only").checked);
      this.runs = [run, ...(this.runs || [])];
      this.showRun(run);
      this.outside.say("The index run has started.");
      this.watch();
    } catch (error) {
      this.outside.fail(`Not started: ${/** @type {Error} */ (error).message}`);
    }
  }

  async cancel() {
    const run = this.runs?.[0];
    if (!run || !this.admin) return;
    try {
      await this.admin.cancel(run.id);
      this.outside.say("The run is asked to stop.");
    } catch (error) {
      this.outside.fail(/** @type {Error} */ (error).message);
    }
  }

  /** Follow the newest run while it goes on. */
  async watch() {
    const run = this.runs?.[0];
    if (!run || !this.admin || !OPEN_STATES.includes(run.state)) return;
    this.watching?.abort();
    const watching = new AbortController();
    this.watching = watching;
    let last = run;
    try {
      for await (const seen of this.admin.events(run.id, watching.signal)) {
        last = { ...last, ...seen };
        this.showRun(last);
      }
    } catch (error) {
      if (!watching.signal.aborted) this.outside.fail("Progress can no longer be followed; the run itself goes on.");
      return;
    }
    await this.refresh(this.admin);
    await this.outside.reload();
    if (last.state === "succeeded") this.outside.say("The index is up to date.", true);
  }

  /** @param {any} run */
  showRun(run) {
    byId("run").hidden = !run;
    if (!run) return;
    const open = OPEN_STATES.includes(run.state);
    const bar = /** @type {HTMLProgressElement} */ (byId("run-bar"));
    bar.hidden = !open;
    showProgress(bar, run);
    byId("run-text").textContent = runText(run);
    byId("cancel-run").hidden = !open;
    byId("start-run").disabled = open;
  }

  /** @param {any[]} snapshots */
  showSnapshots(snapshots) {
    byId("snapshots").replaceChildren(...snapshots.map((snapshot) => this.snapshotRow(snapshot)));
  }

  /** @param {any} snapshot */
  snapshotRow(snapshot) {
    const count = typeof snapshot.tracks === "number" ? `${snapshot.tracks.toLocaleString("en")} tracks` : "";
    const action = snapshot.active
      ? element("span", { class: "badge" }, "in use")
      : element("button", {
          class: "button button--quiet", type: "button", disabled: snapshot.usable === false,
          title: snapshot.usable === false ? "Made with another model" : "Answer from this snapshot",
          "aria-label": `Roll back to the snapshot of ${when(snapshot.created_at)}`, onclick: () => this.activate(snapshot),
        }, "Roll back");
    return element("li", {}, element("span", {}, when(snapshot.created_at)), element("span", { class: "quiet" }, count), action);
  }

  /** @param {any} snapshot */
  async activate(snapshot) {
    const admin = /** @type {Admin} */ (this.admin);
    try {
      await admin.activate(snapshot.id);
      await this.refresh(admin);
      await this.outside.reload();
      this.outside.say(`Rolled back to ${when(snapshot.created_at)}.`, true);
    } catch (error) {
      this.outside.fail(`Not rolled back: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** @param {{path: string, reason: string}[]} failures */
  showFailures(failures) {
    byId("failures-title").textContent = failures.length ? `Could not be indexed (${failures.length.toLocaleString("en")})` : "Every file was indexed";
    byId("failures").replaceChildren(
      ...failures.map(({ path, reason }) => element("li", {}, element("span", { class: "path", title: path }, path), element("span", { class: "quiet" }, reason))),
    );
  }
}

/** @param {string} moment ISO 8601 */
function when(moment) {
  return new Date(moment).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}

/** @param {HTMLProgressElement} bar @param {{files_total?: number, files_done?: number}} run */
export function showProgress(bar, { files_total: total, files_done: done }) {
  if (total) [bar.max, bar.value] = [total, done ?? 0];
  else bar.removeAttribute("value");
}

/** How far a run is, in words. @param {any} run */
export function progressText(run) {
  if (!run.files_total) return "Looking through the folders";
  const rate = run.files_per_s ? ` · ${run.files_per_s.toFixed(1)} a second` : "";
  const left = run.seconds_left ? ` · ${longTime(run.seconds_left)} left` : "";
  return `${filesText(run)}${rate}${left}`;
}

/** @param {any} run */
function filesText(run) {
  const failed = run.files_failed ? `, ${run.files_failed.toLocaleString("en")} failed` : "";
  const total = run.files_total ? ` of ${run.files_total.toLocaleString("en")}` : "";
  return `${run.files_done.toLocaleString("en")}${total} files${failed}`;
}

/** @param {any} run */
function runText(run) {
  if (run.state === "queued") return "Waiting to start";
  if (run.state === "running") return progressText(run);
  const end = run.finished_at ? `, ${when(run.finished_at)}` : "";
  const outcome = { succeeded: "Last run succeeded", failed: "Last run failed", cancelled: "Last run was cancelled" }[/** @type {string} */ (run.state)];
  return `${outcome}${end}: ${run.error || filesText(run)}`;
}
