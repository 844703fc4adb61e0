/**
 * A reliable, ordered stream of records in each direction between two boots, over messages that may be lost, repeated,
 * reordered or late. Pure: time and sending come from outside. Cluster thread only.
 *
 * Every message contains both session numbers. A side that sees a newer number from the other side than that of the
 * current pair ends its own session too, so neither continues with half of a state.
 */
import type { Clock } from '../clock.ts';
import type { RecordViews } from '../memory/ring.ts';
import type { LinkCounts } from './figures.ts';
import {
  ACK_BYTES,
  ACK_DELAY_MS,
  ASK_AGAIN_MS,
  BATCH_BYTES,
  BATCH_BYTES_FIRST,
  HELLO_MS,
  RESEND_BYTES,
  RESEND_MS,
  RESEND_MS_MAX,
  ROOM_BYTES,
  SESSION_BYTES_MAX,
} from './limits.ts';
import {
  align,
  forEachRecord,
  HEAD_BYTES,
  type Head,
  HeadFlag,
  MessageType,
  RECORD_HEAD_BYTES,
  type RecordSink,
  viewsOf,
  writeHead,
} from './wire.ts';

/** Dependencies that all sessions of a node share. */
export interface SessionDeps {
  readonly clock: Clock;
  readonly figures: LinkCounts;
  /** This node's boot. */
  readonly boot: number;
  /** @returns a number that is higher than any before, from 1 */
  readonly nextNumber: () => number;
}

/** The owner of a session. */
export interface SessionOwner {
  /** Passes a message to NATS; it may get lost. Its bytes do not change afterwards. */
  send(message: Uint8Array): void;
  /** Something waits to be flushed; called once until `flush`. */
  wantFlush(): void;
  opened(): void;
  /** The session has ended, whichever side ended it; called once for each `opened`. */
  ended(): void;
  received(kind: number, views: RecordViews, offset: number, bytes: number): void;
}

/** A batch that was not acknowledged. */
interface Sent {
  readonly number: number;
  readonly message: Uint8Array;
  sentAtMs: number;
}

/** Buffer for heads of messages without records. */
const bareViews = viewsOf(HEAD_BYTES);

/** Small messages come from Node's pool: separate memory would cost more than everything else about them. */
function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafe(bytes.length);
  copy.set(bytes);
  return copy;
}

export class LinkSession implements RecordSink {
  views: RecordViews = viewsOf(0);
  readonly #deps: SessionDeps;
  readonly #owner: SessionOwner;
  #state: 'closed' | 'opening' | 'open' = 'closed';
  #own = 0;
  #other = 0;
  /** Numbers of batches: the last one sent, the last one of these that was acknowledged, the last one taken. */
  #lastSent = 0;
  #acknowledgedUpTo = 0;
  #lastTaken = 0;
  /** Bytes in the batch that is being written. */
  #used = HEAD_BYTES;
  #unacked: Sent[] = [];
  #unackedBytes = 0;
  #resendMs = RESEND_MS;
  #helloAtMs = 0;
  #resentAtMs = 0;
  #askedAgainAtMs = 0;
  /** When the first unacknowledged batch came, 0 none; and the bytes that have come since then. */
  #ackDueMs = 0;
  #ackDueBytes = 0;
  #wantsFlush = false;

  constructor(deps: SessionDeps, owner: SessionOwner) {
    this.#deps = deps;
    this.#owner = owner;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Bytes that the other side has not acknowledged. */
  get waitingBytes(): number {
    return this.#unackedBytes + this.#used - HEAD_BYTES;
  }

  /** The number of the batch that the last record went into. */
  get writing(): number {
    return this.#used > HEAD_BYTES ? this.#lastSent + 1 : this.#lastSent;
  }

  /** The last batch that the other side is known to have taken in this session, or in the last one if none is open. */
  get acknowledged(): number {
    return this.#acknowledgedUpTo;
  }

  /** Whether records other than events may be sent now without delaying events. */
  get hasRoom(): boolean {
    return this.waitingBytes < ROOM_BYTES;
  }

  /** Starts a session if there is none, and asks the other side for its own. */
  open(): void {
    if (this.#state !== 'closed') return;
    this.#begin();
    this.#hello();
  }

  /** Ends the session on this side. The other side ends its own when it hears of the next one. */
  end(): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    this.#unacked = [];
    this.#unackedBytes = 0;
    this.#used = HEAD_BYTES;
    if (wasOpen) this.#owner.ended();
  }

  /**
   * Claims room for a record in the next batch.
   * @returns the offset of its payload in `views`
   * @throws Error when the session is not open: a bug in the caller
   */
  claim(kind: number, bytes: number): number {
    if (this.#state !== 'open') throw new Error(`record ${kind} for a session that is not open`);
    const size = RECORD_HEAD_BYTES + align(bytes);
    if (this.#used > HEAD_BYTES && this.#used + size > BATCH_BYTES) this.#seal();
    this.#reserve(this.#used + size);
    const at = this.#used;
    this.#used = at + size;
    const { u32 } = this.views;
    u32[(this.#used >> 2) - 2] = 0; // what pads the record is nobody's business
    u32[(this.#used >> 2) - 1] = 0;
    u32[at >> 2] = kind;
    u32[(at >> 2) + 1] = bytes;
    if (!this.#wantsFlush) {
      this.#wantsFlush = true;
      this.#owner.wantFlush();
    }
    return at + RECORD_HEAD_BYTES;
  }

  /** @param bytesMax what may wait for the other side @returns as `claim`; -1 when it is more: this event is shed */
  claimEvent(kind: number, bytes: number, bytesMax: number): number {
    return this.waitingBytes + bytes > bytesMax ? -1 : this.claim(kind, bytes);
  }

  /** Sends what waits, and acknowledges what is due. */
  flush(): void {
    this.#wantsFlush = false;
    if (this.#state !== 'open') return;
    if (this.#used > HEAD_BYTES) this.#seal();
    else if (this.#ackIsDue()) this.#bare(0);
  }

  /** Repeats what was not answered in time. Ends the session if it has fallen too far behind. */
  tick(): void {
    const now = this.#deps.clock.now();
    if (this.#state === 'opening' && now - this.#helloAtMs >= HELLO_MS) this.#hello();
    if (this.#state !== 'open') return;
    if (this.#unackedBytes > SESSION_BYTES_MAX) {
      this.end();
      return;
    }
    if (this.#ackIsDue()) this.#bare(0);
    const [oldest] = this.#unacked;
    if (oldest === undefined || now - Math.max(oldest.sentAtMs, this.#resentAtMs) < this.#resendMs) return;
    this.#resendMs = Math.min(2 * this.#resendMs, RESEND_MS_MAX);
    this.#resend();
  }

  /** NATS is back: sends what waits again at once. */
  reconnected(): void {
    if (this.#state === 'opening') this.#hello();
    if (this.#state === 'open') this.#resend();
  }

  /**
   * Takes a message from the other boot.
   * @param message all of it, aligned, at the start of `views`
   */
  receive(head: Head, views: RecordViews, bytes: number): void {
    if (head.own < this.#other || head.own === 0) return; // of a session that is over
    const isNew = head.own > this.#other;
    if (isNew && this.#state === 'open') this.end(); // the other side has begun again, and knows nothing of this one
    if (this.#state === 'closed') this.#begin();
    this.#other = head.own;
    if (head.other !== this.#own) {
      // It does not know this side's number yet, or knows an old one.
      if (isNew || this.#deps.clock.now() - this.#helloAtMs >= HELLO_MS) this.#hello();
      return;
    }
    if (this.#state === 'opening') {
      this.#state = 'open';
      this.#bare(0); // so that the other side opens too
      this.#owner.opened();
    }
    this.#acknowledged(head);
    if (head.number > 0) this.#take(head.number, views, bytes);
  }

  #begin(): void {
    this.#state = 'opening';
    this.#own = this.#deps.nextNumber();
    this.#lastSent = 0;
    this.#acknowledgedUpTo = 0;
    this.#lastTaken = 0;
    this.#resendMs = RESEND_MS;
    this.#resentAtMs = 0;
    this.#askedAgainAtMs = 0;
    this.#ackDueMs = 0;
    this.#ackDueBytes = 0;
    this.#wantsFlush = false;
  }

  #hello(): void {
    this.#helloAtMs = this.#deps.clock.now();
    this.#bare(0);
  }

  #take(number: number, views: RecordViews, bytes: number): void {
    const { figures } = this.#deps;
    if (number !== this.#lastTaken + 1) {
      this.#ackDueMs ||= this.#deps.clock.now();
      if (number > this.#lastTaken) this.#askAgain();
      return;
    }
    this.#lastTaken = number;
    this.#ackDueMs ||= this.#deps.clock.now();
    this.#ackDueBytes += bytes;
    figures.batchesReceived += 1;
    const own = this.#own;
    const whole = forEachRecord(views, bytes, (kind, offset, length) => {
      const isSame = this.#own === own && this.#state === 'open'; // a record may end the session
      if (isSame) this.#owner.received(kind, views, offset, length);
    });
    if (!whole) figures.undecodable += 1;
    if (!this.#wantsFlush && this.#ackDueBytes >= ACK_BYTES) {
      this.#wantsFlush = true;
      this.#owner.wantFlush();
    }
  }

  #askAgain(): void {
    const now = this.#deps.clock.now();
    if (now - this.#askedAgainAtMs < ASK_AGAIN_MS) return;
    this.#askedAgainAtMs = now;
    this.#deps.figures.streamGaps += 1;
    this.#bare(HeadFlag.again);
  }

  #acknowledged({ ack, flags }: Head): void {
    if (ack > this.#lastSent) return; // never sent: nothing of it is believed
    this.#acknowledgedUpTo = Math.max(this.#acknowledgedUpTo, ack);
    let count = 0;
    while (count < this.#unacked.length && this.#unacked[count]!.number <= ack) {
      this.#unackedBytes -= this.#unacked[count]!.message.length;
      count += 1;
    }
    if (count > 0) {
      this.#unacked.splice(0, count);
      this.#resendMs = RESEND_MS;
    }
    if ((flags & HeadFlag.again) === 0) return;
    if (this.#deps.clock.now() - this.#resentAtMs >= ASK_AGAIN_MS) this.#resend();
  }

  #resend(): void {
    const { clock, figures } = this.#deps;
    this.#resentAtMs = clock.now();
    let bytes = 0;
    for (const sent of this.#unacked) {
      bytes += sent.message.length;
      if (bytes > RESEND_BYTES && bytes > sent.message.length) return;
      figures.resent += 1;
      this.#post(sent);
    }
  }

  /** Closes the batch that is being written and sends it. */
  #seal(): void {
    const number = ++this.#lastSent;
    this.#head(this.views, number, 0);
    const message = copyOf(this.views.u8.subarray(0, this.#used));
    this.#used = HEAD_BYTES;
    const sent = { number, message, sentAtMs: 0 };
    this.#unacked.push(sent);
    this.#unackedBytes += message.length;
    this.#deps.figures.batchesSent += 1;
    this.#post(sent);
  }

  #post(sent: Sent): void {
    sent.sentAtMs = this.#deps.clock.now();
    this.#owner.send(sent.message);
  }

  /** Sends only a head: a hello, or an acknowledgement. */
  #bare(flags: number): void {
    this.#head(bareViews, 0, flags);
    this.#owner.send(copyOf(bareViews.u8));
  }

  /** Every message acknowledges everything that was processed. */
  #head(views: RecordViews, number: number, flags: number): void {
    this.#ackDueMs = 0;
    this.#ackDueBytes = 0;
    const { boot } = this.#deps;
    const [own, other] = [this.#own, this.#other];
    writeHead(views, { type: MessageType.batch, flags, boot, own, other, number, ack: this.#lastTaken });
  }

  #ackIsDue(): boolean {
    if (this.#ackDueMs === 0) return false;
    return this.#ackDueBytes >= ACK_BYTES || this.#deps.clock.now() - this.#ackDueMs >= ACK_DELAY_MS;
  }

  /** Grows the buffer to hold `bytes`; it doubles, so that records are rarely copied. */
  #reserve(bytes: number): void {
    const have = this.views.u8.length;
    if (bytes <= have) return;
    const larger = viewsOf(Math.max(bytes, Math.min(2 * have, BATCH_BYTES), BATCH_BYTES_FIRST));
    larger.u8.set(this.views.u8.subarray(0, this.#used));
    this.views = larger;
  }
}
