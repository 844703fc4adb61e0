/**
 * Devices that operators have ended. Their home may have stood still then, or been down, so the end counts as a claim of
 * its own, as of a home without a connection: a home that comes back with an older claim gives way, and what it hands over
 * is kept nowhere. A device that is connected there lives on. Cluster thread only.
 */
import { ENDED_MAX } from './limits.ts';
import type { Peer } from './peer.ts';
import { Recent } from './recent.ts';
import { HomeKind, mine } from './records.ts';

const kind = HomeKind.device;

export class Endings {
  /** By id: the number of the end, above that of any claim before it. */
  readonly #numbers = new Recent<number>(ENDED_MAX);

  end(id: string, number: number): void {
    this.#numbers.set(id, number);
  }

  /** Of the end, 0 none: claims after it have a higher one. */
  number(id: string): number {
    return this.#numbers.get(id) ?? 0;
  }

  /** Whether a claim with this number was made before the device was ended. */
  isOver(id: string, number: number): boolean {
    return number <= this.number(id);
  }

  /** The device has a connection: that is another life of it. */
  livesOn(id: string): void {
    this.#numbers.delete(id);
  }

  /** Another node claims the device. @returns whether the claim is over, as the peer was told */
  refuses(peer: Peer, id: string, number: number): boolean {
    const isOver = this.isOver(id, number);
    if (isOver) this.#tell(peer, id);
    return isOver;
  }

  /** A session opened: claims that this node had heard are not made again in it. */
  sessionOpened(peer: Peer): void {
    for (const id of this.#numbers.keys()) this.#tell(peer, id);
  }

  #tell(peer: Peer, id: string): void {
    mine.write(peer.session, { kind, id, number: this.number(id), connected: false });
  }
}
