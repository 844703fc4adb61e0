/**
 * Shares the owner's time for peers' requests among the edges. Joins, leaves and requests of a ring are bounded in each
 * poll, and the requests of all rings together take no longer than one request of a thousand devices. So an event of
 * another peer waits for at most one of these, however many edges there are. Owner thread only.
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
  /** The edge whose request was deferred to the next poll, where it comes first. */
  #heldUp = NOBODY;
  /** Whether a request of the current ring has been taken. */
  #hasHadOne = false;
  #isCutShort = false;

  /** A poll begins. */
  begin(): void {
    this.#left = REQUEST_WORK_PER_POLL;
    this.#isCutShort = false;
  }

  /**
   * Whether joins and leaves have used up the turn of a ring, and events wait behind them: the next poll must then come
   * at once. After a request, the edges first need time for the answer.
   */
  get isCutShort(): boolean {
    return this.#isCutShort;
  }

  /** The turn of the edge's ring begins. */
  enter(edge: number): void {
    this.#ringLeft = REQUEST_WORK_PER_POLL;
    this.#hasHadOne = false;
    if (this.#heldUp === edge) this.#heldUp = NOBODY;
  }

  /** Whether the ring may be read on, as far as its bound goes. */
  get hasWork(): boolean {
    return this.#ringLeft > 0;
  }

  /** Whether the edge's next record is a request that must wait for another poll, so reading the ring stops. */
  isOver(edge: number, ring: Pick<RingConsumer, 'peek'>): boolean {
    if (this.#left > 0 && this.#heldUp === NOBODY) return false;
    const kind = ring.peek();
    if (kind !== ToOwnerRecord.Request && kind !== ToOwnerRecord.More) return false;
    if (this.#heldUp === NOBODY && !this.#hasHadOne) this.#heldUp = edge;
    return true;
  }

  /** Charges work that is not a request. @param work in devices */
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
