/** One device as a fan-out worker sees it: its names, and who of this worker's subscribers gets its events. */
import type { DeviceNames } from '../protocol/event-frames.ts';
import type { SubscriberSession } from './subscriber-session.ts';

export class Topic {
  readonly names: DeviceNames;
  /** Names under which the transport keeps the sockets. */
  readonly jsonTopic: string;
  readonly binaryTopic: string;
  jsonCount = 0;
  binaryCount = 0;
  /** Sent to one by one, before the others. */
  readonly vips: SubscriberSession[] = [];

  constructor(slot: number, names: DeviceNames) {
    this.names = names;
    this.jsonTopic = `j${slot}`;
    this.binaryTopic = `b${slot}`;
  }

  get isEmpty(): boolean {
    return this.jsonCount + this.binaryCount + this.vips.length === 0;
  }

  add(session: SubscriberSession): void {
    if (session.vip) {
      this.vips.push(session);
    } else if (session.binary) {
      this.binaryCount += 1;
      session.join(this.binaryTopic);
    } else {
      this.jsonCount += 1;
      session.join(this.jsonTopic);
    }
  }

  /** @param open whether the socket still is; a closed one has left its topics by itself */
  remove(session: SubscriberSession, open: boolean): void {
    if (session.vip) {
      this.vips.splice(this.vips.indexOf(session), 1);
    } else if (session.binary) {
      this.binaryCount -= 1;
      if (open) session.leave(this.binaryTopic);
    } else {
      this.jsonCount -= 1;
      if (open) session.leave(this.jsonTopic);
    }
  }
}
