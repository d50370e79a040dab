/**
 * The plane's colours: hue follows the direction of a feeling, strength its distance from the middle.
 * Colours are mixed in OKLCH (Ottosson 2020), so that equal steps look equal.
 */

/** Hue in degrees at every 45 degrees around the plane, from pleasant through excited. */
const HUES = [130, 85, 50, 22, -35, -85, -125, -175, -230];

/** @param {number} angle Radians, 0 at pleasant, counter-clockwise. @returns {number} Degrees. */
function hueAt(angle) {
  const turn = (angle / (2 * Math.PI) + 1) % 1;
  const place = turn * 8;
  const index = Math.min(7, Math.floor(place));
  return HUES[index] + (place - index) * (HUES[index + 1] - HUES[index]);
}

/** @param {number} x */
function smooth(x) {
  const u = Math.min(1, Math.max(0, x));
  return u * u * (3 - 2 * u);
}

/**
 * OKLCH to sRGB, clipped.
 * @param {number} l @param {number} c @param {number} h Degrees.
 * @returns {[number, number, number]} 0..255, not rounded.
 */
export function oklch(l, c, h) {
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    channel(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
    channel(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
    channel(-0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short),
  ];
}

/** @param {number} linear */
function channel(linear) {
  const x = Math.min(1, Math.max(0, linear));
  return 255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055);
}

/**
 * The quiet ground under everything.
 * @param {number} valence @param {number} arousal @param {boolean} dark
 */
export function fieldColour(valence, arousal, dark) {
  const radius = Math.hypot(valence, arousal);
  const hue = hueAt(Math.atan2(arousal, valence));
  const strength = smooth(radius / 1.35);
  const lift = 0.012 * Math.max(-1, Math.min(1, arousal));
  if (dark) return oklch(0.185 + 0.07 * strength + lift, 0.008 + 0.05 * strength, hue);
  return oklch(0.982 - 0.062 * strength + lift * 0.5, 0.004 + 0.044 * strength, hue);
}

/**
 * A dot, or any mark that stands for a feeling.
 * @param {number} valence @param {number} arousal @param {boolean} dark
 */
export function dotColour(valence, arousal, dark) {
  const radius = Math.hypot(valence, arousal);
  const hue = hueAt(Math.atan2(arousal, valence));
  const chroma = 0.035 + 0.105 * smooth(radius / 0.9);
  return oklch(dark ? 0.77 : 0.58, chroma, hue);
}

/** @param {[number, number, number]} rgb @param {number} [alpha] @returns {string} */
export function css(rgb, alpha = 1) {
  const [r, g, b] = rgb.map(Math.round);
  return `rgb(${r} ${g} ${b} / ${alpha})`;
}

/** Whether the page is dark now, by the visitor's choice or else the system's. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen) return chosen === "dark";
  return window.matchMedia("(prefers-color-scheme: dark)").matches;
}
