/** Event records as an edge or the owner writes them: tests name the fields that matter to them, the rest has a default. */
import type { RecordViews, RingProducer } from '../../src/memory/ring.ts';
import {
  claimEvent,
  EventField,
  EventFlag,
  type EventHead,
  privateViews,
  writeEventHead,
} from '../../src/records/event.ts';
import { EventType, Priority } from '../../src/wire/events.ts';

type Lengths = 'statusBytes' | 'payloadBytes' | 'ackBytes';

/** A normal message of device 0 whose payload is `{}`, but for what is given. */
export interface GivenEvent extends Partial<Omit<EventHead, Lengths>> {
  /** Left out, the cell keeps what it holds. */
  readonly seq?: number;
  readonly status?: string | Uint8Array;
  readonly payload?: string | Uint8Array;
  /** Raw JSON of the id that the ack is to name. */
  readonly ack?: string | Uint8Array;
}

const EMPTY = new Uint8Array(0);
const HEAD = {
  at: 1,
  received: 1,
  device: 0,
  type: EventType.message,
  priority: Priority.normal,
  flags: EventFlag.payloadIsJson,
  session: 0,
};

const bytesOf = (part: string | Uint8Array): Uint8Array =>
  typeof part === 'string' ? Buffer.from(part) : part;

interface Parts {
  readonly status: Uint8Array;
  readonly payload: Uint8Array;
  readonly ack: Uint8Array;
}

function partsOf({ status = EMPTY, payload = '{}', ack = EMPTY }: GivenEvent): Parts {
  return { status: bytesOf(status), payload: bytesOf(payload), ack: bytesOf(ack) };
}

const lengthOf = ({ status, payload, ack }: Parts): number =>
  EventField.body + status.length + payload.length + ack.length;

function write(views: RecordViews, offset: number, { seq, ...given }: GivenEvent, parts: Parts): void {
  const { status, payload, ack } = parts;
  const lengths = { statusBytes: status.length, payloadBytes: payload.length, ackBytes: ack.length };
  const body = writeEventHead(views, offset, { ...HEAD, ...given, ...lengths });
  if (seq !== undefined) views.f64[(offset + EventField.seq) >> 3] = seq;
  views.u8.set(status, body);
  views.u8.set(payload, body + status.length);
  views.u8.set(ack, body + status.length + payload.length);
}

/** Writes the event at this offset, which must be a multiple of 8. @returns its length, ack id included */
export function writeEventRecord(views: RecordViews, offset: number, event: GivenEvent = {}): number {
  const parts = partsOf(event);
  write(views, offset, event, parts);
  return lengthOf(parts);
}

/** The event in memory of its own. */
export function eventRecord(event: GivenEvent = {}): RecordViews {
  const parts = partsOf(event);
  const views = privateViews(lengthOf(parts));
  write(views, 0, event, parts);
  return views;
}

/** Puts the event into the ring, without a commit. @returns its offset @throws Error when the ring is full */
export function claimEventRecord(ring: RingProducer, event: GivenEvent = {}): number {
  const parts = partsOf(event);
  const offset = claimEvent(ring, lengthOf(parts), event.priority ?? HEAD.priority);
  if (offset < 0) throw new Error('the ring is full');
  write(ring.views, offset, event, parts);
  return offset;
}
