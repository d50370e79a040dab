/**
 * While the visitor presses a button, no answer changes the page: what it moved or replaced under the
 * pointer would take the click away. The plane and the points in time are drawn on with the pointer
 * held, and go on being answered. A list of choices that the browser opens itself (`select`) and the
 * menu of another mouse button do not say when they are let go: they hold back nothing.
 */

const PRESSED = "button, summary, label, a, input, [role=option]";
/** The click follows the release; after a touch, a little later. */
const CLICK_MS = 60;

/** @type {(() => void)[]} What goes on when nothing is pressed. */
let waiting = [];
let pressed = false;
let timer = 0;

/** @param {PointerEvent} event */
function press({ target, button }) {
  if (button !== 0 || !(target instanceof Element) || !target.closest(PRESSED)) return;
  clearTimeout(timer);
  pressed = true;
}

function soon() {
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    pressed = false;
    const all = waiting;
    waiting = [];
    for (const go of all) go();
  }, CLICK_MS);
}

document.addEventListener("pointerdown", press, true);
for (const end of ["pointerup", "pointercancel", "contextmenu"]) document.addEventListener(end, soon, true);
window.addEventListener("blur", soon);

/**
 * Wait until nothing is pressed. What was given up meanwhile fails, as a fetch would.
 * @param {?AbortSignal} [signal] @returns {Promise<void>}
 */
export async function released(signal) {
  while (pressed) await new Promise((go) => waiting.push(() => go(null)));
  signal?.throwIfAborted();
}
