/** Bounds of the cluster that are not settings, each with its reason. Relations between them are checked at the end. */

/** Records that wait for one node leave together when they fill this much: NATS is most efficient at 16 to 64 KiB. */
export const BATCH_BYTES = 64 * 1024;

/** The first buffer of a session; it grows to what its batches need. Most sessions of a large cluster are idle. */
export const BATCH_BYTES_FIRST = 512;

/** How long records wait for others while the link is busy, ms. After a pause they leave at once. */
export const FLUSH_MS = 2;

/** An acknowledgement waits this long for a batch that can carry it, ms; or until this many bytes came. */
export const ACK_DELAY_MS = 20;
export const ACK_BYTES = 256 * 1024;

/** Without an acknowledgement a batch is sent again after this, doubling up to the maximum, ms. */
export const RESEND_MS = 300;
export const RESEND_MS_MAX = 2_400;

/** A missing batch is asked for at most this often, and answered at most this often, ms. */
export const ASK_AGAIN_MS = 100;

/** Of what was not acknowledged, this much is sent again in one go: NATS drops a client that is sent too much at once. */
export const RESEND_BYTES = 1024 * 1024;

/** A hello is repeated until it is answered, ms. */
export const HELLO_MS = 250;

/** Waiting for one node: above this its low and normal events are shed, and told to its followers as `gap`. */
export const SHED_BYTES = 4 * 1024 * 1024;
/** What is replayed is shed above this. Below the next, so that what many devices are owed at once ends no session. */
export const OWED_BYTES_MAX = 12 * 1024 * 1024;
/** Above this the session ends; both sides start again from what they know. */
export const SESSION_BYTES_MAX = 16 * 1024 * 1024;
/** Claims, follows and replays of a new session are sent while less than this waits, so that events still find room. */
export const ROOM_BYTES = 1024 * 1024;

/** Beats in the time-out after which a node is lost: four may be lost in a row. */
export const BEATS_PER_TIMEOUT = 5;

/** What a claim, a lookup, and the old home's last event are waited for, ms (wire contract). */
export const WAIT_MS = 1_000;
/** How long a device has to answer the ping that decides a conflict, ms. */
export const CONTEST_MS = 1_000;

/** A follow that was answered with "not here" is looked up again after this, ms. */
export const ASK_AFTER_MS = 250;
/** Devices of a lost node are looked up once more, spread over this time, ms: another node may have taken them unheard. */
export const LOST_SPREAD_MS = 4_000;

/** Events held for devices that move, all together: with 200 B each and 100/s of a device, 50 devices for a second. */
export const MOVING_BYTES_MAX = 1024 * 1024;

/** Ids of each kind of thing that is remembered for a while: where they went, what was claimed, how far they were. */
export const RECENT_MAX = 10_000;

/** Ids that operators ended: each is named in every session that opens, so all of them are less than `ROOM_BYTES`. */
export const ENDED_MAX = 1_000;
/** The number of an end is this far above the highest claim that is known: a home that stands still may have a higher one. */
export const ENDED_AHEAD = 1_000;
/**
 * The number that homes are told is this far below that of the end: a home that has given way and finds nobody to take what
 * it has goes on with a number of one more, and is over all the same.
 */
export const ENDED_TOLD_BELOW = 500;
/**
 * The next life of an ended id begins this far above the end: other nodes may have counted the end a little higher. It is
 * below the next end, whether the node that makes that one has heard of the life or not.
 */
export const ENDED_NEXT_LIFE = 250;

/** Devices that other nodes listed for a filter and that are not followed yet: the host takes a page within milliseconds. */
export const LISTED_MAX = 100_000;

/** Ids that a draining node leaves at once: the host lets go of one within a millisecond, and most are small. */
export const LEAVES_MAX = 64;

/** What is handed over of one id at most: 100,000 subscriptions of 150 B are 15 MB. */
export const HAND_OVER_BYTES_MAX = 16 * 1024 * 1024;
/** One part of it, so that a batch takes it whatever NATS' limit is. */
export const PART_BYTES = 32 * 1024;
/** What a host hands over as one, if it is no event: 500 subscriptions and 255 filters with the longest ids are 110 KB. */
export const HOST_PART_BYTES_MAX = 256 * 1024;
/** What each piece counts for beside its bytes, of what comes in pieces: memory is taken by however small ones. */
export const PIECE_BYTES = 128;

/** Ids in a page of a list: 32 KiB of the longest. Events in a page of history, and their bytes, but for a single event. */
export const LIST_IDS_MAX = 250;
export const HISTORY_PAGE_EVENTS_MAX = 100;
export const HISTORY_PAGE_BYTES_MAX = 256 * 1024;
/** Requests of one node for history that wait for room on the way back: what its threads may ask for at once. */
export const HISTORIES_WAITING_MAX = 65_536;

/** Calls between nodes: how many may wait, how long (a route waits for confirmations itself), how much they carry. */
export const CALLS_MAX = 1024;
export const CALL_MS = 6_000;
export const CALL_BYTES_MAX = 4 * 1024 * 1024;
/** Pieces of a body: twice as many as a node makes of the largest. */
export const CALL_PIECES_MAX = (2 * CALL_BYTES_MAX) / PART_BYTES;
/** Of one node, bodies of calls that are not complete. */
export const CALL_BYTES_WAITING_MAX = 16 * 1024 * 1024;

/** Follows of one node that the host answers at once: of each may come what history keeps of a device, 30 KB or so. */
export const FOLLOWS_AT_ONCE = 128;

/** Follows of one node that wait for room on the way back: as many as a table has rows. */
export const FOLLOWS_WAITING_MAX = 1_000_000;

/** Of a claim. A node that adds one a thousand times a second gets there in 35 years. */
export const CLAIM_NUMBER_MAX = 2 ** 40;

/** A revision is waited for this long (wire contract), from nodes that beat in the last minute. */
export const CONFIRM_MS = 5_000;
/** A node that has not seen a revision so long after it was asked reads the bucket: what brings it the news may be dead. */
export const CONFIRM_LATE_MS = 1_000;
export const CONFIRM_RECENT_MS = 60_000;

/** A node that starts, or was fenced, is `in` after this even if a node has not answered its claims, ms. */
export const CLAIMING_MS = 5_000;

/** A node that starts listens this long to beats before it claims anything: nodes answer the beat of one that joins. */
export const LISTEN_MS = 500;
/** A beat out of turn, for a node that joins, not more often than this. */
export const EXTRA_BEAT_MS = 100;

/** How often time-outs are looked at, ms: while messages come and go, until this long after the last one, and then. */
export const TICK_MS = 25;
export const BUSY_MS = 1_000;
export const QUIET_TICK_MS = 100;

/** A request to the bucket, ms; and how old a `seeding` may be before another node takes it over, ms. */
export const BUCKET_MS = 4_000;
export const SEEDING_MS = 10_000;

/** Beyond an event's payload: the batch's head, the record's head, the event's head and a status of 64 characters. */
export const MESSAGE_OVERHEAD_BYTES = 40 + 8 + 48 + 256 + 8;

/** Ids of other nodes that are known at most: a beat is one message, so anybody who may publish could name more. */
export const NODES_MAX = 4096;

if (ROOM_BYTES > SHED_BYTES || SHED_BYTES > OWED_BYTES_MAX || OWED_BYTES_MAX > SESSION_BYTES_MAX)
  throw new Error('what waits for a node: room, shed, owed and the maximum must rise in this order');
if (CALL_MS <= CONFIRM_MS) throw new Error('a call must wait longer than a confirmation');
if (HISTORY_PAGE_BYTES_MAX > ROOM_BYTES) throw new Error('a page of history must fit into the room for it');
if (PART_BYTES > BATCH_BYTES) throw new Error('a part must fit into a batch');
