/**
 * While the visitor presses a button, no answer changes the page: what it moved or replaced under the
 * pointer would take the click away. The plane and the points in time are drawn on with the pointer
 * held, and go on being answered.
 */

const PRESSED = "button, summary, label, a, input, select, [role=option]";
/** The click follows the release; after a touch, a little later. */
const CLICK_MS = 60;

/** @type {(() => void)[]} What goes on when nothing is pressed. */
let waiting = [];
let pressed = false;
let timer = 0;

/** @param {Event} event */
function press({ target }) {
  clearTimeout(timer);
  pressed ||= target instanceof Element && target.closest(PRESSED) !== null;
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
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, soon, true);
window.addEventListener("blur", soon);

/** Wait until nothing is pressed. @returns {Promise<void>} */
export async function released() {
  while (pressed) await new Promise((go) => waiting.push(() => go(null)));
}
