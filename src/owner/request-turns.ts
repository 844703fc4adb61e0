/**
 * Shares the owner's time for what peers ask among the edges. Joins, leaves and requests of a ring have a bound in each
 * poll, and the requests of all of them together take no longer in a poll than one of a thousand devices. An event of
 * another peer waits for one of these at most, however many edges there are. Owner thread only.
 */
import { REQUEST_WORK_PER_POLL } from '../limits.ts';
import type { RingConsumer } from '../memory/ring.ts';
import { ToOwnerRecord } from '../records/requests.ts';

const NOBODY = -1;

export class RequestTurns {
  /** What requests may still cost in this poll, in devices. */
  #left = 0;
  /** What joins, leaves and requests may still cost in this turn of a ring. */
  #ringLeft = 0;
  /** Edge whose request waited for the next poll, in which it comes before others'. */
  #heldUp = NOBODY;
  /** The ring that is read has had a request taken. */
  #hasHadOne = false;
  #isCutShort = false;

  /** A poll begins. */
  begin(): void {
    this.#left = REQUEST_WORK_PER_POLL;
    this.#isCutShort = false;
  }

  /**
   * Joins and leaves have used up the turn of a ring, and the events behind them wait: the next poll is to come at once.
   * Where it was a request, the edges first need time for the answer.
   */
  get isCutShort(): boolean {
    return this.#isCutShort;
  }

  /** The edge's ring is about to be read. */
  enter(edge: number): void {
    this.#ringLeft = REQUEST_WORK_PER_POLL;
    this.#hasHadOne = false;
    if (this.#heldUp === edge) this.#heldUp = NOBODY;
  }

  /** Whether the ring may be read on, as far as its bound goes. */
  get hasWork(): boolean {
    return this.#ringLeft > 0;
  }

  /** Whether the edge's next record is a request that waits for another poll: the ring is not to be read on. */
  isOver(edge: number, ring: Pick<RingConsumer, 'peek'>): boolean {
    if (this.#left > 0 && this.#heldUp === NOBODY) return false;
    const kind = ring.peek();
    if (kind !== ToOwnerRecord.Request && kind !== ToOwnerRecord.More) return false;
    if (this.#heldUp === NOBODY && !this.#hasHadOne) this.#heldUp = edge;
    return true;
  }

  /** Something that is no request. @param work in devices */
  spend(work: number): void {
    this.#ringLeft -= work;
    if (this.#ringLeft <= 0 && !this.#hasHadOne) this.#isCutShort = true;
  }

  spendOnRequest(devices: number): void {
    this.#hasHadOne = true;
    this.#ringLeft -= devices;
    this.#left -= devices;
  }
}
