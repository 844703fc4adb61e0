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

/**
 * Frames held back for a peer that sends before it was welcomed: the errors of twice the default burst of a subscriber,
 * at most 2 MiB. More are not answered.
 */
export const HELD_FRAMES_MAX = 4096;

/** The longest id (wire contract): ids are ASCII. */
export const ID_BYTES_MAX = 128;

/** What the sessions of MQTT clients that are away may take together: 100,000 that follow a few devices each. */
export const MQTT_KEPT_BYTES_MAX = 64 * 1024 * 1024;

/** What the wills of all devices may take together: so much for each device of the table, and at least this. */
export const WILL_BYTES_PER_DEVICE = 1024;
export const WILLS_BYTES_MIN = 64 * 1024 * 1024;

/** Device ids in one frame of a subscriber, and in the URL (wire contract). */
export const SUBSCRIBE_DEVICES_MAX = 1000;

/** Kept events of each device that a subscribe may ask for (wire contract). */
export const HISTORY_EVENTS_MAX = 1000;

/** The interval of a subscriber at a pace, ms (wire contract). */
export const EVERY_MS_MIN = 100;
export const EVERY_MS_MAX = 60_000;

/** Devices in one page of an answer or a notice (wire contract): 1000 × 130 B is 130 KiB. */
export const DEVICES_PER_PAGE = 1000;

/**
 * Devices of a filter in one frame and one slice: at 5 to 10 µs each on the edge, which sends the page and joins the
 * topics, live events wait for it for a millisecond at most. As many slices as make a page go out before the peer has to
 * read.
 */
export const DEVICES_PER_SLICE = 128;

/** Kept events that an edge may have to look up for one such slice: at 1 µs each. */
export const KEPT_EVENTS_PER_SLICE = 3200;

/**
 * Kept events that may be found for a subscriber and not sent yet when more are looked up for it: as many as a thousand
 * devices have, of 24 B each. Else one that reads nothing could have as much found as it cares to ask for.
 */
export const KEPT_EVENTS_UNSENT_MAX = 100_000;

/** So many of them stands a device for whose events are not all sent: about 350 B beside them. */
export const HELD_AS_EVENTS = 10;

/**
 * Kept events that a thread may hold as found, for all sessions together, of 24 B each: what five sessions may have.
 * What is beyond is looked up once more when its turn comes. And those that may be looked up for requests that the owner
 * has not answered: more requests wait.
 */
export const KEPT_EVENTS_FOUND_MAX = 500_000;

/**
 * What requests of all rings may cost in one poll, in devices named: a larger request comes alone, at about 1.5 µs a
 * device. An event of another peer waits for one of these at most.
 */
export const REQUEST_WORK_PER_POLL = 500;

/** What the owner may have to do for one edge at a time, in devices named: an event of another peer waits behind it. */
export const REQUEST_WORK_IN_FLIGHT = 1000;

/**
 * What requests of one edge may wait for other nodes of a cluster at a time, in devices named: the owner holds about 300 B
 * for each. A node that is dead and not called lost yet keeps them for a second, so this is what one edge gets answered
 * per second until then.
 */
export const REQUEST_WORK_DEFERRED = 64_000;

/** Of that, what larger requests than this may take: the rest is for small ones, 250 of them if each is as large as it may. */
export const REQUEST_WORK_DEFERRED_LARGE = 48_000;
export const REQUEST_WORK_SMALL = 64;

/** Requests of one subscriber that wait for an answer (wire contract); one more is refused. */
export const REQUESTS_WAITING_MAX = 16;

/** Records of one ring worked off in one poll: at 1 µs each, no other ring waits longer than a few ms. */
export const POLL_RECORDS_MAX = 4096;

/** An edge looks at its sockets at least this often while it does what the owner says of its subscribers. */
export const POLL_MS_MAX = 2;

/** Rings of at least this many bytes: 4 MiB hold 20,000 events of 200 B, half a second at 40,000/s. */
export const RING_BYTES_DEFAULT = 4 * 1024 * 1024;

/** A ring takes records of up to an eighth of it; the largest is a frame with its header, ids and status. */
export const RING_FRAMES_MIN = 16;

/** An edge that the owner wakes looks at its ring within this: it is taken off the owner's share of the flush window. */
export const EDGE_WAKE_MS_MAX = 1;

/** An owner that pauses is woken when an edge has written this share of its ring: no event finds it full for the pause. */
export const HURRY_SHARE = 1 / 8;

/** Tokens: how much too early one may come (`nbf`, for clocks that differ), how long it and its list of devices may be. */
export const TOKEN_SKEW_MS = 30_000;
export const TOKEN_CHARACTERS_MAX = 8192;
export const TOKEN_PATTERNS_MAX = 1000;

/** A key set is asked for again after this, at once for a key that it lacks but not sooner than the cool-down. */
export const JWKS_MAX_AGE_MS = 600_000;
export const JWKS_COOL_DOWN_MS = 30_000;
/** Within what uWS gives a request that has not been answered (10 s). */
export const JWKS_TIMEOUT_MS = 5_000;
/** A key set that could not be had is asked for again after this, by each thread that lets peers in. */
export const JWKS_RETRY_MS = 2_000;
/** Some hundred keys; more is not what this URL should answer with. */
export const JWKS_BYTES_MAX = 256 * 1024;
/**
 * A thread that did not run for this long has stalled: the silence of its peers, or of other nodes, meanwhile is not
 * theirs.
 */
export const STALL_MS = 500;
/**
 * How often a thread with sockets beats and looks at its peers. Each look wakes an idle thread, whose caches are cold by then:
 * that is most of what an idle hub costs.
 */
export const LOOK_MS = 200;

/** Threads that may die within the window and be started anew; with one more the hub drains and ends. */
export const CRASHES_MAX = 5;
export const CRASHES_WINDOW_MS = 60_000;

/** A thread that ends again is started after a pause, twice as long each time. */
export const RESTART_DELAY_MS = 100;
export const RESTART_DELAY_MS_MAX = 5_000;
/** A thread that cannot start for want of descriptors or memory is tried for this long; then the process ends. */
export const SHORTAGE_MS_MAX = 300_000;

/** A thread that has not run for this long is late: the hub is not ready, and later not alive. */
export const LATE_READY_MS = 5_000;
export const LATE_ALIVE_MS = 15_000;

/** A snapshot that takes longer than this counts as failed: its disk hangs. */
export const SNAPSHOT_MS_MAX = 60_000;
/** The owner, told to stop, does so within this or is ended. */
export const THREAD_STOP_MS_MAX = 5_000;
/** What the end of a hub may take beside the drain and the last snapshot; then the process ends with 70. */
export const END_SLACK_MS = 10_000;

/** Who has not sent the whole head of an upgrade by then is cut off; what uWebSockets.js gives every request. */
export const UPGRADE_MS_MAX = 10_000;

/**
 * Head of an upgrade: the longest token, a thousand ids of 16 characters in the URL, and 7 KiB of cookies and other
 * headers. Each connection that has not sent the whole of it may hold this much memory.
 */
export const HEAD_BYTES_MAX = 32 * 1024;
/** Header lines of an upgrade; compiled into uWebSockets.js. */
export const HEAD_LINES_MAX = 98;

/** A subscriber that is slow for this long is closed with 4108 (wire contract). */
export const SLOW_MS_MAX = 30_000;

/** A slow subscriber gets low and normal events again when its queue is down to this share of the limit (wire contract). */
export const SEND_QUEUE_RESUME_SHARE = 1 / 4;

/** uWebSockets.js holds up to 32 frames of less than 16 KiB per socket until a turn's end: no queue shows them before. */
export const TRANSPORT_HELD_BYTES_MAX = 32 * 16 * 1024;

/**
 * Runs of seqs remembered for the slow subscribers of one device: each is a gap frame of about 100 B for whoever recovers. A
 * run ends where an event of high priority was sent; whoever needs more of them is closed.
 */
export const MISSED_RUNS_MAX = 1024;

/** What a peer that must reconnect is told to wait at most is spread over at least this long. */
export const RECONNECT_SPREAD_MS_MIN = 5_000;

/** Seconds of figures that the hub keeps for plots: an hour is 400 KB. */
export const FIGURES_KEPT_SECONDS = 3600;
/** Of them, what is told to whoever does not say how many. */
export const FIGURES_TOLD_SECONDS = 900;

/** Live streams of the admin API at once: each costs main about as much as a subscriber that gets 100 events/s. */
export const LIVE_STREAMS_MAX = 16;

/** Events that a live stream shows per second, of all its devices together; the rest is counted. No person reads more. */
export const LIVE_EVENTS_PER_SECOND = 100;

/** Devices whose events one live stream shows: one per page that shares the stream. */
export const LIVE_TAPPED_MAX = 16;

/** Of a payload, what a live stream shows: with the limits above at most 6.4 MB/s in all. */
export const LIVE_PAYLOAD_BYTES_MAX = 4096;

/** Devices whose entries a live stream keeps up to date: 64 ids and a token fit into the 16 KiB of a request's head. */
export const LIVE_WATCHED_MAX = 64;

/** Devices in one page of a live list: more than fits a screen. */
export const LIST_PAGE_MAX = 100;

/** A live list can be paged this far: so many rows are kept and sorted at most, about 1 MiB. */
export const LIST_REACH_MAX = 10_000;

/** A list works on main this long at a time, then pauses three times as long: sockets come first. */
export const LIST_SLICE_MS = 1;
export const LIST_PAUSE_SHARE = 3;

/** An order is used again for 20 times what it cost, so that lists take at most a twentieth of main; at least this long. */
export const LIST_FRESH_SHARE = 20;
export const LIST_FRESH_MS_MIN = 250;

/** Orders of lists that are made or kept, each for one question, at most 80 KB; if as many are made, one more gets 503. */
export const LISTS_MAX = 32;

/** Devices whose newest value is kept while a list shows them: 20 full pages, about 1 MiB. */
export const VALUES_KEPT_MAX = 2000;

/** A value's device is let go of when no list has asked for it for this long: longer than the slowest pace. */
export const VALUE_LEASE_MS = 90_000;

/** Of a payload, what a list shows. */
export const VALUE_BYTES_MAX = 256;

/** A live stream whose reader lets more than this pile up is dropped. */
export const LIVE_QUEUE_BYTES_MAX = 1024 * 1024;

/** A live stream ends after this, so that its reader's token is looked at again. */
export const LIVE_STREAM_MS_MAX = 600_000;

/** Busiest devices that live figures name. */
export const BUSIEST_NAMED_MAX = 8;

/** Subscribers that one thread names as slow, those with the most waiting first. */
export const SLOW_NAMED_MAX = 50;

/** Access rules in all. They are compiled: a subscribe of 1000 devices costs the owner 0.3 ms more, whatever they are. */
export const ACCESS_RULES_MAX = 256;

/** Subscriptions looked at in one go when rules change. */
export const SWEEP_ROWS_MAX = 1000;

if (SWEEP_ROWS_MAX > DEVICES_PER_PAGE)
  throw new Error('a sweep may remove more subscriptions of one subscriber than one notice names');
