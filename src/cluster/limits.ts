/** Bounds of the cluster that are not settings, each with its reason. Their relations are checked at the end. */

/**
 * Records that wait for one node are sent together when they reach this size: NATS is most efficient at 16 to 64 KiB.
 */
export const BATCH_BYTES = 64 * 1024;

/** Initial buffer of a session; it grows as its batches need. Most sessions of a large cluster are idle. */
export const BATCH_BYTES_FIRST = 512;

/** How long records wait for others while the link is busy, ms. After a pause they are sent at once. */
export const FLUSH_MS = 2;

/** An acknowledgement waits this long for a batch that can carry it, ms, or until this many bytes have arrived. */
export const ACK_DELAY_MS = 20;
export const ACK_BYTES = 256 * 1024;

/** Without an acknowledgement, a batch is sent again after this time, doubling up to the maximum, ms. */
export const RESEND_MS = 300;
export const RESEND_MS_MAX = 2_400;

/** A missing batch is asked for at most this often, and answered at most this often, ms. */
export const ASK_AGAIN_MS = 100;

/** How much unacknowledged data is sent again at once: NATS disconnects a client that is sent too much at once. */
export const RESEND_BYTES = 1024 * 1024;

/** A hello is repeated until it is answered, ms. */
export const HELLO_MS = 250;

/** Bytes that wait for one node: above this, its low and normal events are shed, and its followers get a `gap`. */
export const SHED_BYTES = 4 * 1024 * 1024;
/** What is replayed is shed above this. Below the next, so that what many devices are owed at once ends no session. */
export const OWED_BYTES_MAX = 12 * 1024 * 1024;
/** Above this the session ends; both sides start again from what they know. */
export const SESSION_BYTES_MAX = 16 * 1024 * 1024;
/**
 * Claims, follows and replays of a new session are sent while less than this waits, so that there is room for events.
 */
export const ROOM_BYTES = 1024 * 1024;

/** Beats in the time-out after which a node is lost: four may be lost in a row. */
export const BEATS_PER_TIMEOUT = 5;

/** How long to wait for a claim, a lookup, and the old home's last event, ms (wire contract). */
export const WAIT_MS = 1_000;
/** How long a device has to answer the ping that decides a conflict, ms. */
export const CONTEST_MS = 1_000;

/** After the answer "not here", a follow is looked up again after this time, ms. */
export const ASK_AFTER_MS = 250;
/**
 * Devices of a lost node are looked up once more, spread over this time, ms: another node may have claimed them without
 * this node hearing it.
 */
export const LOST_SPREAD_MS = 4_000;

/** Events held for all devices that move: at 200 B each and 100/s per device, 50 devices for a second. */
export const MOVING_BYTES_MAX = 1024 * 1024;

/** How many ids of each kind are remembered for a while: where they went, what was claimed, their positions. */
export const RECENT_MAX = 10_000;

/**
 * How many ended ids are remembered: each is named in every session that opens, so all of them must fit into
 * `ROOM_BYTES`.
 */
export const ENDED_MAX = 1_000;
/** The number of an end is this far above the highest known claim: a frozen home may have a higher one. */
export const ENDED_AHEAD = 1_000;
/**
 * Homes are told a number this far below that of the end. A home that gives way and finds no node to take over
 * continues with a number one higher, and this must end too.
 */
export const ENDED_TOLD_BELOW = 500;
/**
 * The next life of an ended id begins this far above the end, because other nodes may have numbered the end a little
 * higher. It is below the next end, whether or not the node that makes that one has heard of this life.
 */
export const ENDED_NEXT_LIFE = 250;

/**
 * Devices that other nodes listed for a filter and that are not followed yet: the host processes a page within
 * milliseconds.
 */
export const LISTED_MAX = 100_000;

/** Ids that a draining node leaves at the same time: the host releases one within a millisecond, and most are small. */
export const LEAVES_MAX = 64;

/** Largest hand-over of one id: 100,000 subscriptions of 150 B are 15 MB. */
export const HAND_OVER_BYTES_MAX = 16 * 1024 * 1024;
/** Size of one part of a hand-over, so that it fits into a batch whatever NATS' limit is. */
export const PART_BYTES = 32 * 1024;
/**
 * Largest part that a host hands over, unless it is an event: 500 subscriptions and 255 filters with the longest ids
 * are 110 KB.
 */
export const HOST_PART_BYTES_MAX = 256 * 1024;
/** Overhead counted for each piece of what comes in pieces, because even small pieces take memory. */
export const PIECE_BYTES = 128;

/**
 * Ids in a page of a list: 32 KiB of the longest. Events in a page of history, and their bytes, but for a single event.
 */
export const LIST_IDS_MAX = 250;
export const HISTORY_PAGE_EVENTS_MAX = 100;
export const HISTORY_PAGE_BYTES_MAX = 256 * 1024;
/** Requests of one node for history that wait for room in the queue: as many as its threads may ask for at once. */
export const HISTORIES_WAITING_MAX = 65_536;

/** Calls between nodes: how many may wait, how long (a route waits for confirmations itself), how much they carry. */
export const CALLS_MAX = 1024;
export const CALL_MS = 6_000;
export const CALL_BYTES_MAX = 4 * 1024 * 1024;
/** Pieces of a body: twice as many as a node makes of the largest body. */
export const CALL_PIECES_MAX = (2 * CALL_BYTES_MAX) / PART_BYTES;
/** Incomplete bodies of calls from one node, bytes. */
export const CALL_BYTES_WAITING_MAX = 16 * 1024 * 1024;

/**
 * Follows of one node that the host answers at the same time: each may bring everything that history keeps of a device,
 * about 30 KB.
 */
export const FOLLOWS_AT_ONCE = 128;

/** Follows of one node that wait for room in the queue: as many as a table has rows. */
export const FOLLOWS_WAITING_MAX = 1_000_000;

/** Largest number of a claim. At a thousand claims per second, a node gets there in 35 years. */
export const CLAIM_NUMBER_MAX = 2 ** 40;

/** How long to wait for a revision (wire contract), from nodes that beat in the last minute. */
export const CONFIRM_MS = 5_000;
/** A node that has not seen a revision this long after it was asked reads the bucket, because its watch may be dead. */
export const CONFIRM_LATE_MS = 1_000;
export const CONFIRM_RECENT_MS = 60_000;

/** A node that starts, or was fenced, is `in` after this even if a node has not answered its claims, ms. */
export const CLAIMING_MS = 5_000;

/**
 * A starting node listens to beats for this long before it claims anything: nodes answer the beat of a joining node.
 */
export const LISTEN_MS = 500;
/** Least time between extra beats for joining nodes. */
export const EXTRA_BEAT_MS = 100;

/** How often time-outs are checked, ms: while messages come and go; how long after the last message; and after that. */
export const TICK_MS = 25;
export const BUSY_MS = 1_000;
export const QUIET_TICK_MS = 100;

/** A request to the bucket, ms; and how old a `seeding` may be before another node takes it over, ms. */
export const BUCKET_MS = 4_000;
export const SEEDING_MS = 10_000;
/** Entries of the bucket that are written at once. */
export const BUCKET_WRITES_MAX = 64;

/** Beyond an event's payload: the batch's head, the record's head, the event's head and a status of 64 characters. */
export const MESSAGE_OVERHEAD_BYTES = 40 + 8 + 48 + 256 + 8;

/** Most nodes that a node knows: a beat is one message, so anybody who may publish could invent more. */
export const NODES_MAX = 4096;

if (ROOM_BYTES > SHED_BYTES || SHED_BYTES > OWED_BYTES_MAX || OWED_BYTES_MAX > SESSION_BYTES_MAX)
  throw new Error('what waits for a node: room, shed, owed and the maximum must rise in this order');
if (CALL_MS <= CONFIRM_MS) throw new Error('a call must wait longer than a confirmation');
if (HISTORY_PAGE_BYTES_MAX > ROOM_BYTES) throw new Error('a page of history must fit into the room for it');
if (PART_BYTES > BATCH_BYTES) throw new Error('a part must fit into a batch');
