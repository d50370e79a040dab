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
 * @property {string[]} [artists] Each on its own.
 * @property {?string} album
 * @property {?string} genre
 * @property {?number} year
 * @property {?number} duration_s
 * @property {string} path
 *
 * @typedef {"artist" | "album" | "genre" | "folder"} GroupKind
 * @typedef {Affect & {name: string, tracks: number, duration_s: number, artists: string[]}} Group
 *
 * @typedef {object} Term A property that tracks must have or must not have.
 * @property {boolean} not
 * @property {GroupKind | "title" | "decade" | "length"} what
 * @property {string} value A decade is its first year; a length is two numbers of seconds, `120-300`.
 *
 * @typedef {Affect & {spread_valence: number, spread_arousal: number}} Region A part of the plane.
 *
 * @typedef {object} Understood How the service read a phrase.
 * @property {string} words
 * @property {Region[]} steps
 * @property {Keyframe[]} curve
 * @property {?number} duration_s
 * @property {{text: string, near: string[]}[]} not_understood
 *
 * @typedef {object} Told What an answer says beside its tracks.
 * @property {string} text The phrase that it answers; "" where none was asked with.
 * @property {?Understood} understood
 * @property {string[]} near Words that look like those that were not understood.
 * @property {{filter: string, value: string, near: string[]}[]} unmatched
 * @property {?{amount: number, replaced: number, below_best: number}} variety
 * @property {?string} note
 * @property {?number} total How many tracks there are, where the list holds the first of them.
 * @property {string} name Of the station; "" where none was asked with.
 *
 * @typedef {object} Item One place of a playlist, or one similar track (without parts of a score).
 * @property {Track} track
 * @property {{start_s: number, end_s: number}} segment
 * @property {number} [fit] How near it lies to what was asked, 0 to 1; where it was ranked.
 * @property {string} [reason] How it differs from what was asked.
 * @property {number} [score]
 * @property {number} [rho_sim]
 * @property {number} [neg_kl]
 * @property {{cca_contribution: number, kl_contribution: number, personal_contribution: number, at_s: ?number}} [explanation]
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
 *   | {kind: "text", text: string}
 *   | {kind: "group", of: GroupKind | "all", name: string}
 *   | {kind: "browse", what: GroupKind | "track"}
 *   | {kind: "station", id: string}} Query A group is all of its tracks, wherever they lie.
 *
 * @typedef {object} Options What the playlist is asked for beside its emotion.
 * @property {"match" | "journey"} mode
 * @property {"relative" | "absolute"} scale
 * @property {"track" | "segment"} level Whole tracks, or single moments of them.
 * @property {boolean} everything Whether also what is not music may appear.
 * @property {?number} limit Tracks; null: 20, or what fills the time of a line.
 * @property {?number} minutes About how long the playlist lasts; goes before `limit`.
 * @property {number} variety 0: the best list; 1: any of about equal worth.
 * @property {?number} seed What is drawn with some variety.
 * @property {?number} maxPerArtist
 * @property {Term[]} terms
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
