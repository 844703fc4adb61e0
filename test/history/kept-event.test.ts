import { describe, expect, it } from 'vitest';
import {
  carryRecord,
  copyEventOut,
  eventRoom,
  isAtPosition,
  isCarried,
  isKept,
  isOf,
  KeptHead,
  KeptKind,
  keptBytes,
  keptGeneration,
  keptKind,
  keptKindOf,
  keptSeq,
  keptSize,
  keptSlot,
  unitsOf,
  writeEvent,
  writeKeptHead,
} from '../../src/history/kept-event.ts';
import { EventField, EventFlag, eventBytes, eventOf, privateViews } from '../../src/records/event.ts';
import { EventType, Priority } from '../../src/wire/events.ts';

const HEADER_BYTES = 24;
const AT = 64;
const POSITION = 2 ** 40 + 8 * 5;
const SLOT = 0xfffffff0;
const GENERATION = 0xfffe;

const event = (type: number = EventType.message, flags = 0) =>
  eventOf({
    type,
    flags,
    priority: Priority.normal,
    at: 1.5,
    received: 2.5,
    status: Buffer.from('up'),
    payload: Buffer.from('abc'),
  });

/** A record in the log, of an event of five bytes of text. @param back bytes, seqsBack seqs to the one before */
function written(back = 160, seqsBack = 3, of = event()) {
  const log = privateViews(512);
  log.u8.fill(0xee);
  const bytes = eventBytes(of, 0);
  of.u8[EventField.ackBytes] = 9;
  writeEvent(log, AT, SLOT, 77, of, 0, bytes);
  writeKeptHead(log, AT, POSITION, keptBytes(bytes), SLOT, GENERATION, back, seqsBack);
  return { log, of, bytes, size: keptBytes(bytes) };
}

function headOf(log: ReturnType<typeof privateViews>, at = AT, position = POSITION): KeptHead {
  const head = new KeptHead();
  head.read(log, at, position);
  return head;
}

it('a kept event takes a header and its bytes, in units of eight', () => {
  expect([0, 1, 8, 9, 40].map(keptBytes)).toEqual([24, 32, 32, 40, 64]);
  expect([24, 32, 64].map(eventRoom)).toEqual([0, 8, 40]);
  expect([0, 8, 2 ** 35 - 8, 2 ** 35, 2 ** 35 + 16].map(unitsOf)).toEqual([0, 1, 0xffffffff, 0, 2]);
});

it.each([
  ['a message', EventType.message, 0, KeptKind.message, true],
  ['a status', EventType.status, 0, KeptKind.deviceStatus, true],
  ['a status as JSON', EventType.status, EventFlag.payloadIsJson, KeptKind.deviceStatus, true],
  ['a status of the hub', EventType.status, EventFlag.fromHub, KeptKind.other, true],
  ['a message of the hub', EventType.message, EventFlag.fromHub, KeptKind.message, true],
  ['a pong', EventType.pong, 0, KeptKind.other, false],
] as const)('%s is of its kind, and kept or not', (_, type, flags, kind, kept) => {
  const one = event(type, flags);
  expect([keptKindOf(one, 0), isKept(one, 0)]).toEqual([kind, kept]);
  expect(keptKind(written(0, 0, one).log, AT)).toBe(kind);
});

describe('a record of the log', () => {
  it('is the event with its number and device, without an ack', () => {
    const { log, of, bytes, size } = written();
    const out = privateViews(256);
    copyEventOut(log, AT, size, out);
    of.f64[EventField.seq >> 3] = 77;
    of.u32[EventField.device >> 2] = SLOT;
    of.u8[EventField.ackBytes] = 0;
    expect(Buffer.from(out.u8.subarray(0, bytes))).toEqual(Buffer.from(of.u8.subarray(0, bytes)));
    expect([log.u8[AT - 1], log.u8[AT + size]]).toEqual([0xee, 0xee]);
  });

  it('says what it is, where, and of whom', () => {
    const { log, size } = written();
    expect([keptSize(log, AT), keptSlot(log, AT), keptGeneration(log, AT), keptSeq(log, AT)]).toEqual([
      size,
      SLOT,
      GENERATION,
      77,
    ]);
    expect(isCarried(log, AT)).toBe(false);
    expect([POSITION, POSITION + 8, POSITION - 8].map((at) => isAtPosition(log, AT, at))).toEqual([
      true,
      false,
      false,
    ]);
    expect(isOf(log, AT, SLOT, GENERATION)).toBe(true);
    expect(isOf(log, AT, SLOT - 1, GENERATION)).toBe(false);
    expect(isOf(log, AT, SLOT, GENERATION - 1)).toBe(false);
    expect({ ...headOf(log) }).toEqual({
      position: POSITION,
      size,
      previous: POSITION - 160,
      seq: 77,
      after: 74,
      received: 2.5,
      type: EventType.message,
      kind: KeptKind.message,
    });
  });

  it('names none before it that is farther away than any log is long', () => {
    const farthest = 8 * 0xffffffff;
    expect(headOf(written(farthest, 0xffffffff).log)).toMatchObject({
      previous: POSITION - farthest,
      after: 77 - 0xffffffff,
    });
    expect(headOf(written(farthest + 8, 2 ** 32).log)).toMatchObject({ previous: 0, after: 76 });
  });

  it('is the same where it is carried to, but that it is carried and what came before it is gone', () => {
    const { log, size } = written();
    const to = AT + size;
    carryRecord(log, AT, to, POSITION + size);
    expect(isAtPosition(log, to, POSITION + size)).toBe(true);
    expect([isCarried(log, AT), isCarried(log, to)]).toEqual([false, true]);
    expect({ ...headOf(log, to, POSITION + size) }).toEqual({
      ...headOf(log),
      position: POSITION + size,
      previous: 0,
    });
    expect(Buffer.from(log.u8.subarray(to + HEADER_BYTES, to + size))).toEqual(
      Buffer.from(log.u8.subarray(AT + HEADER_BYTES, AT + size)),
    );
  });
});
