/**
 * Shapes the page's modules share. Emotions are in [-1, 1]; times are seconds.
 *
 * @typedef {{t: number, valence: number, arousal: number}} Keyframe
 * @typedef {{valence: number, arousal: number}} Affect
 * @typedef {Affect & {word: string}} Mood
 * @typedef {Keyframe & {valence_sd: number, arousal_sd: number}} CurvePoint
 *
 * @typedef {object} Track
 * @property {number} id
 * @property {?string} title
 * @property {?string} artist
 * @property {?string} album
 * @property {?string} genre
 * @property {?number} year
 * @property {?number} duration_s
 * @property {string} path
 *
 * @typedef {{name: string, tracks: number}} Artist
 *
 * @typedef {object} Item One place of a playlist, or one similar track (without parts of a score).
 * @property {Track} track
 * @property {{start_s: number, end_s: number}} segment
 * @property {number} [fit] How near it lies to what was asked, 0 to 1; where it was ranked.
 * @property {string} [reason] How it differs from what was asked.
 * @property {number} [score]
 * @property {number} [rho_sim]
 * @property {number} [neg_kl]
 * @property {{cca_contribution: number, kl_contribution: number, at_s: ?number}} [explanation]
 * @property {number} valence
 * @property {number} arousal
 *
 * @typedef {object} EmotionAnswer
 * @property {string} model_id
 * @property {string} scale
 * @property {number} duration_s
 * @property {CurvePoint[]} curve
 * @property {Affect} mean
 * @property {Item[]} similar
 * @property {string} [note] What of the file did not decode.
 *
 * @typedef {object} Clip
 * @property {string} name
 * @property {string} url Object URL of the dropped file, for listening to it.
 * @property {EmotionAnswer} answer
 *
 * @typedef {{kind: "none"}
 *   | {kind: "curve", keyframes: Keyframe[]}
 *   | {kind: "mood", word: string}
 *   | {kind: "track", ids: number[]}
 *   | {kind: "artist", name: string}} Query All of an artist's tracks, wherever they lie.
 *
 * @typedef {object} Options What the playlist is asked for beside its emotion.
 * @property {"match" | "journey"} mode
 * @property {"relative" | "absolute"} scale
 * @property {"track" | "segment"} level Whole tracks, or single moments of them.
 * @property {boolean} everything Whether also what is not music may appear.
 * @property {number} limit
 * @property {?number} minutes About how long the playlist lasts; goes before `limit`.
 * @property {?number} maxPerArtist
 * @property {string[]} genre
 * @property {string[]} artist
 * @property {?number} yearMin
 * @property {?number} yearMax
 * @property {?number} durationMin Seconds.
 * @property {?number} durationMax Seconds.
 * @property {number[]} excluded Ids of tracks the visitor removed.
 *
 * @typedef {object} TrackMap Every indexed track's place on the plane, column by column.
 * @property {?string} snapshot_id
 * @property {string} scale
 * @property {number[]} ids
 * @property {number[]} valence
 * @property {number[]} arousal
 */

export {};
