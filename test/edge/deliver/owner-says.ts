/** One subscriber of an edge, between its peer and the owner: what it asks, and the records that come for it. No assertions. */
import { splitNames } from '../../../src/access/pattern.ts';
import { EntryWriter } from '../../../src/records/replies.ts';
import { ALL_TYPES } from '../../../src/wire/events.ts';
import { NO_PAST, type Past } from '../../../src/wire/subscriber-ops.ts';
import { type FakeSocket, FakeThread } from './fake-thread.ts';

/** A page that names the devices of these slots. */
export const pageOf = (...slots: readonly number[]): Uint8Array => pageAt(0, ...slots);

/** The same of devices whose last event is this one. */
export function pageAt(seq: number, ...slots: readonly number[]): Uint8Array {
  const page = new EntryWriter();
  for (const deviceSlot of slots) {
    const text = Buffer.from(`d${deviceSlot}`);
    const state = { deviceSlot, rowState: 2, deviceState: 1, lastSeen: 0, seq, epoch: 36, generation: 0 };
    page.add(state, text, 0, text.length, 0, 0);
  }
  return page.take();
}

/** A subscriber that was welcomed, what it asks for, and what the owner says to it. */
export class OwnerSays {
  readonly thread: FakeThread;
  readonly socket: FakeSocket;

  constructor(options = {}) {
    this.thread = new FakeThread({ sendQueueBytes: 1e6, sendQueueMaxBytes: 1e7, ...options });
    this.socket = this.thread.subscriber();
    this.socket.frames.length = 0;
    this.thread.owner.take();
  }

  get session(): number {
    return this.socket.session.number;
  }

  ask(
    devices: readonly string[] | undefined,
    past: Past = NO_PAST,
    malformed: readonly string[] = [],
    op: 'subscribe' | 'unsubscribe' = 'subscribe',
    { session }: FakeSocket = this.socket,
  ): void {
    const named = devices && {
      ...splitNames(devices),
      malformed,
    };
    const ask = {
      op: devices === undefined ? 'list' : op,
      id: '"q"',
      named,
      types: ALL_TYPES,
      past,
    } as const;
    this.thread.edge.request(session, ask, this.thread.clock.now());
  }

  say(write: (link: FakeThread['link']) => void): void {
    write(this.thread.link);
    this.thread.link.flush();
    this.thread.poll();
  }
}

export const last: Past = { ...NO_PAST, last: true };
export const since = (...slots: readonly number[]): Past => ({
  ...NO_PAST,
  since: new Map(slots.map((slot) => [`d${slot}`, { epoch: '10', seq: 0 }])),
});
