/**
 * What the page tells its visitor at the edge of the screen, and a screen reader.
 */

import { byId, element } from "./text.js";

const MOST = 3;
const SHORT_MS = 4_000;
const LONG_MS = 10_000;

/** What the visitor may take back for a while. @param {string} text @param {() => void} undo */
export function undoable(text, undo) {
  byId("toasts").querySelector(".toast--undo")?.remove();
  withButton(toast(text, "toast--undo"), "Undo", undo);
}

/** Tell a screen reader, and where `shown` everyone. @param {string} text @param {boolean} [shown] */
export function say(text, shown = false) {
  byId("spoken").textContent = text;
  if (shown) toast(text, "");
}

/** @param {string} text @param {() => void} [again] Tries it again. */
export function fail(text, again) {
  const node = toast(text, "toast--wrong");
  if (again) withButton(node, "Try again", again);
}

/** @param {HTMLElement} node @param {string} text @param {() => void} run */
function withButton(node, text, run) {
  const button = element("button", { class: "button button--quiet", type: "button" }, text);
  button.addEventListener("click", () => {
    node.remove();
    run();
  });
  node.querySelector("p")?.after(button);
}

/** @param {string} text @param {string} kind */
function toast(text, kind) {
  const close = element("button", { class: "icon", type: "button", "aria-label": "Dismiss" }, "×");
  const node = element("div", { class: `toast ${kind}` }, element("p", {}, text), close);
  close.addEventListener("click", () => node.remove());
  const toasts = byId("toasts");
  toasts.append(node);
  while (toasts.children.length > MOST) toasts.firstElementChild?.remove();
  setTimeout(() => node.remove(), kind ? LONG_MS : SHORT_MS);
  return node;
}
