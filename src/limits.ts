/** Bounds that are not settings, each with its reason. Relations between them are checked at the end. */

/** A peer that shows no sign of life for the ping interval and this long is closed with 4201 (wire contract). */
export const PONG_GRACE_MS = 10_000;

/** How long a close handshake may take before the connection is dropped. */
export const CLOSE_HANDSHAKE_MS = 5_000;

/**
 * The transport takes frames up to this multiple of the hub's own limit, so that a frame over the limit is closed
 * with the hub's code; what is larger still loses its connection without a close frame.
 */
export const TRANSPORT_FRAME_FACTOR = 4;

/** Frames held back for a peer that sends before it was welcomed: a few errors at most; more are not answered. */
export const HELD_FRAMES_MAX = 16;

/** Device ids in one frame of a subscriber, and in the URL (wire contract). */
export const SUBSCRIBE_DEVICES_MAX = 1000;

/** Ids named in one hub frame about several devices (`status`, `removed`, `resumed`): 1000 × 130 B is 130 KiB. */
export const NOTICE_DEVICES_MAX = 1000;

/** Records of one ring worked off in one poll: at 1 µs each, no other ring waits longer than a few ms. */
export const POLL_RECORDS_MAX = 4096;

/** Rings of at least this many bytes: 4 MiB hold 20,000 events of 200 B, half a second at 40,000/s. */
export const RING_BYTES_DEFAULT = 4 * 1024 * 1024;

/** A ring takes records of up to an eighth of it; the largest is a frame with its header, ids and status. */
export const RING_FRAMES_MIN = 16;

/** The owner pauses this share of the flush window at most; the fan-out worker's timer takes the rest. */
export const OWNER_PAUSE_SHARE = 0.2;
export const OWNER_PAUSE_MS_MAX = 1;

/** Node's timers fire up to this late: it is taken off the fan-out worker's share of the flush window. */
export const TIMER_SLACK_MS = 1;

/** What a peer that must reconnect is told to wait at most is spread over at least this long. */
export const RECONNECT_SPREAD_MS_MIN = 5_000;
