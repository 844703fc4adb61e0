/**
 * The data plane: every ring record's kind and byte layout, for both ends. Offsets are in bytes from the record's
 * payload, which is 8-byte aligned; multi-byte fields are little-endian as on every host Node runs on.
 *
 * Event record, the same from ingest to owner and from owner to fan-out (`seq` is filled in by the owner):
 *
 *   0        8          16      24     28   29       30    31       32          36           40      48
 *   | f64 at | f64 received | f64 seq | u32 device | type | priority | flags | ackBytes | u16 statusBytes, pad |
 *   | u32 payloadBytes | u32 session, pad | status text, payload, ack id ...
 *
 * When a new owner has taken over from one that died, it writes `Resync` to all. Each thread answers with a `Join` for
 * every socket it holds, marked `again` where the peer was welcomed, and `Synced`. A fan-out thread is then told who
 * gets what (`Attach`) and each such device's last `Seq`; with `Resynced` whoever was not named gets nothing any more.
 */
import type { Actor } from '../access/actor.ts';
import { PatternSet } from '../access/pattern-set.ts';
import type { RecordViews, RingProducer } from '../memory/ring.ts';

/** Main → owner. */
export const Ingest = { Event: 1, Join: 2, Leave: 3, Active: 4, Synced: 5 } as const;
/** Owner → main. */
export const ToIngest = { Joined: 1, Close: 2, Ack: 3, Resync: 4 } as const;
/** Fan-out → owner. */
export const FromSubscribers = { Join: 1, Leave: 2, Active: 3, Op: 4, Synced: 5 } as const;
/** Owner → fan-out. */
export const ToSubscribers = {
  Event: 1,
  Joined: 2,
  Attach: 3,
  Detach: 4,
  Text: 5,
  Close: 6,
  Vip: 7,
  Gap: 8,
  Resync: 9,
  Seq: 10,
  Resynced: 11,
} as const;

export const EventField = {
  at: 0, // wall-clock ms of receipt
  received: 8, // hub clock ms of receipt, for the latency histogram
  seq: 16,
  device: 24, // device slot; NONE while ingest does not know it yet
  type: 28,
  priority: 29,
  flags: 30,
  ackBytes: 31,
  statusBytes: 32,
  payloadBytes: 36,
  session: 40,
  body: 48,
} as const;

/** Bits of an event's flags. */
export const EventFlag = { payloadIsJson: 1, fromHub: 2 } as const;

/**
 * Copies an event record without its ack id.
 * @param bytes length of the record in the source, header included
 */
export function copyEvent(
  from: RecordViews,
  fromOffset: number,
  to: RecordViews,
  toOffset: number,
  bytes: number,
): void {
  if (bytes > COPY_BY_WORDS_BYTES_MAX) {
    to.u8.set(from.u8.subarray(fromOffset, fromOffset + bytes), toOffset);
    return;
  }
  const source = from.u32;
  const target = to.u32;
  const first = fromOffset >> 2;
  const shift = (toOffset >> 2) - first;
  const end = first + ((bytes + 3) >> 2);
  for (let word = first; word < end; word++) target[word + shift] = source[word]!;
}

/** Up to here a loop beats `set`, which makes a view first. */
const COPY_BY_WORDS_BYTES_MAX = 512;

/** Length of an event record without its ack id, bytes. */
export function eventBytes(views: RecordViews, offset: number): number {
  return (
    EventField.body +
    views.u16[(offset + EventField.statusBytes) >> 1]! +
    views.u32[(offset + EventField.payloadBytes) >> 2]!
  );
}

/** The fields that the small control records share: two words, then text. */
const Small = { first: 0, second: 4, third: 8, textBytes: 12, text: 16 } as const;

/** Writes a control record of up to three words and a text. It is never refused. */
export function writeSmall(
  ring: RingProducer,
  kind: number,
  words: readonly [first: number, second?: number, third?: number],
  text: Uint8Array = NO_TEXT_BYTES,
): void {
  const offset = ring.claimControl(kind, Small.text + text.length);
  const { u32, u8 } = ring.views;
  u32[(offset + Small.first) >> 2] = words[0];
  u32[(offset + Small.second) >> 2] = words[1] ?? 0;
  u32[(offset + Small.third) >> 2] = words[2] ?? 0;
  u32[(offset + Small.textBytes) >> 2] = text.length;
  u8.set(text, offset + Small.text);
}

const NO_TEXT_BYTES = new Uint8Array(0);

export const firstWord = ({ u32 }: RecordViews, offset: number): number => u32[(offset + Small.first) >> 2]!;
export const secondWord = ({ u32 }: RecordViews, offset: number): number =>
  u32[(offset + Small.second) >> 2]!;
export const thirdWord = ({ u32 }: RecordViews, offset: number): number => u32[(offset + Small.third) >> 2]!;
export const textStart = (offset: number): number => offset + Small.text;
export const textLength = ({ u32 }: RecordViews, offset: number): number =>
  u32[(offset + Small.textBytes) >> 2]!;

/** The text as a string; allocates a copy, since decoders refuse shared memory. */
export function readText(views: RecordViews, offset: number): string {
  return Buffer.from(
    views.u8.slice(textStart(offset), textStart(offset) + textLength(views, offset)),
  ).toString('utf8');
}

/** Ack: session, skipped, seq, the id's raw JSON. */
const AckField = { seq: 0, session: 8, skipped: 12, idBytes: 16, id: 20 } as const;

export function writeAck(
  ring: RingProducer,
  session: number,
  seq: number,
  skipped: boolean,
  id: { readonly source: Uint8Array; readonly start: number; readonly length: number },
): void {
  const offset = ring.claimControl(ToIngest.Ack, AckField.id + id.length);
  const { f64, u32, u8 } = ring.views;
  f64[(offset + AckField.seq) >> 3] = seq;
  u32[(offset + AckField.session) >> 2] = session;
  u32[(offset + AckField.skipped) >> 2] = skipped ? 1 : 0;
  u32[(offset + AckField.idBytes) >> 2] = id.length;
  for (let i = 0; i < id.length; i++) u8[offset + AckField.id + i] = id.source[id.start + i]!;
}

export interface Ack {
  readonly session: number;
  readonly seq: number;
  readonly skipped: boolean;
  readonly id: string;
}

export function readAck({ f64, u32, u8 }: RecordViews, offset: number): Ack {
  const start = offset + AckField.id;
  return {
    seq: f64[(offset + AckField.seq) >> 3]!,
    session: u32[(offset + AckField.session) >> 2]!,
    skipped: u32[(offset + AckField.skipped) >> 2] === 1,
    id: Buffer.from(u8.slice(start, start + u32[(offset + AckField.idBytes) >> 2]!)).toString('utf8'),
  };
}

/** Gap: the device's slot and the first and last seq that were not delivered. */
const GapField = { from: 0, to: 8, device: 16, bytes: 24 } as const;

export function writeGap(ring: RingProducer, device: number, from: number, to: number): void {
  const offset = ring.claimControl(ToSubscribers.Gap, GapField.bytes);
  ring.views.f64[(offset + GapField.from) >> 3] = from;
  ring.views.f64[(offset + GapField.to) >> 3] = to;
  ring.views.u32[(offset + GapField.device) >> 2] = device;
}

export function readGap(
  { f64, u32 }: RecordViews,
  offset: number,
): { device: number; from: number; to: number } {
  return {
    from: f64[(offset + GapField.from) >> 3]!,
    to: f64[(offset + GapField.to) >> 3]!,
    device: u32[(offset + GapField.device) >> 2]!,
  };
}

/** A device's last seq, for a thread that may lack events up to it. Laid out as a gap without `from`. */
export function writeSeq(ring: RingProducer, device: number, seq: number): void {
  const offset = ring.claimControl(ToSubscribers.Seq, GapField.bytes);
  ring.views.f64[(offset + GapField.to) >> 3] = seq;
  ring.views.u32[(offset + GapField.device) >> 2] = device;
}

export function readSeq({ f64, u32 }: RecordViews, offset: number): { device: number; seq: number } {
  return { seq: f64[(offset + GapField.to) >> 3]!, device: u32[(offset + GapField.device) >> 2]! };
}

/** What a subscriber may ask for through the owner. */
export const Op = { subscribe: 1, unsubscribe: 2, pause: 3, resume: 4, list: 5 } as const;
export type OpName = keyof typeof Op;
const opNames = ['', 'subscribe', 'unsubscribe', 'pause', 'resume', 'list'] as const;

export interface OpRecord {
  readonly session: number;
  readonly op: OpName;
  /** Raw JSON of the frame's id, '' when it had none. */
  readonly id: string;
  /** undefined: all of the subscriber's. */
  readonly devices: readonly string[] | undefined;
}

/** Bits of a Join. `again`: told to a new owner, of a peer that an earlier one has let in. */
const JoinFlag = { vip: 1, restricted: 2, again: 4 } as const;

/** A device that connected. */
export function writeDeviceJoin(ring: RingProducer, session: number, id: string, again: boolean): void {
  writeSmall(ring, Ingest.Join, [session, again ? JoinFlag.again : 0], Buffer.from(id));
}

export function isAgain(views: RecordViews, offset: number): boolean {
  return (secondWord(views, offset) & JoinFlag.again) !== 0;
}

/** A subscriber that connected. Ids and patterns hold no newline: the id, then what it may follow, as lines. */
export function writeJoin(ring: RingProducer, session: number, actor: Actor, again: boolean): void {
  const { id, devices, vip } = actor;
  const flags =
    (vip ? JoinFlag.vip : 0) |
    (devices === undefined ? 0 : JoinFlag.restricted) |
    (again ? JoinFlag.again : 0);
  writeSmall(
    ring,
    FromSubscribers.Join,
    [session, flags],
    Buffer.from([id, ...(devices?.patterns ?? [])].join('\n')),
  );
}

export interface JoinRecord {
  readonly session: number;
  readonly actor: Actor;
  readonly again: boolean;
}

export function readJoin(views: RecordViews, offset: number): JoinRecord {
  const flags = secondWord(views, offset);
  const [id = '', ...devices] = readText(views, offset).split('\n');
  return {
    session: firstWord(views, offset),
    again: isAgain(views, offset),
    actor: {
      role: 'subscriber',
      id,
      devices: (flags & JoinFlag.restricted) === 0 ? undefined : new PatternSet(devices),
      vip: (flags & JoinFlag.vip) !== 0,
    },
  };
}

/** Ids hold no newline, so the list travels as lines: first the id, then the devices. */
export function writeOp(ring: RingProducer, { session, op, id, devices }: OpRecord): void {
  const text = Buffer.from(JSON.stringify(id) + (devices === undefined ? '' : `\n${devices.join('\n')}`));
  writeSmall(ring, FromSubscribers.Op, [session, Op[op], devices === undefined ? 0 : 1], text);
}

export function readOp(views: RecordViews, offset: number): OpRecord {
  const [id = '""', ...devices] = readText(views, offset).split('\n');
  return {
    session: firstWord(views, offset),
    op: opNames[secondWord(views, offset)] as OpName,
    id: JSON.parse(id) as string,
    devices: thirdWord(views, offset) === 1 ? devices : undefined,
  };
}
