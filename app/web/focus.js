/**
 * The focus is never lost: where the part that had it goes away, the section it stood in takes it.
 */

/** Sections that may take the focus, by the nearest one around what was lost. */
const HOMES = "#list, #strip, #plane, dialog[open]";

/** @param {Element} node */
function isThere(node) {
  return node.isConnected && /** @type {HTMLElement} */ (node).getClientRects().length > 0;
}

export function keepFocus() {
  /** @type {?Element} */
  let last = null;
  /** @type {?HTMLElement} */
  let home = null;
  let waiting = 0;
  const look = () => {
    waiting = 0;
    if (!last || document.activeElement !== document.body || isThere(last)) return;
    last = null;
    const target = home?.id === "plane" ? document.getElementById("pad") : home;
    if (target && isThere(target)) target.focus({ preventScroll: true });
    else document.getElementById("pad")?.focus({ preventScroll: true });
  };
  document.addEventListener("focusin", (event) => {
    last = /** @type {Element} */ (event.target);
    home = last.closest(HOMES);
  });
  // A click beside everything is meant to leave the focus.
  document.addEventListener("focusout", () => setTimeout(() => {
    if (last && document.activeElement === document.body && isThere(last)) last = null;
  }));
  new MutationObserver(() => {
    if (!waiting) waiting = requestAnimationFrame(look);
  }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["hidden", "open"] });
}
