import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BATCH_BYTES_MAX, OutboxFrames } from '../../../src/edge/deliver/outbox-frames.ts';
import { BATCH_HEADER_BYTES, BATCH_TYPE } from '../../../src/wire/events.ts';

interface Outbox {
  readonly bytes: Uint8Array;
  readonly spans: readonly number[];
}

/** Texts one behind the other, and where each is. */
function outboxOf(texts: readonly string[]): Outbox {
  const spans: number[] = [];
  let at = 0;
  for (const text of texts) {
    spans.push(at, at + Buffer.byteLength(text));
    at += Buffer.byteLength(text);
  }
  return { bytes: Buffer.from(texts.join('')), spans };
}

function framesOf({ bytes, spans }: Outbox, binary: boolean): Buffer[] {
  const frames = new OutboxFrames();
  frames.begin(bytes);
  const sent: Buffer[] = [];
  frames.sendBatched(spans, binary, (frame) => sent.push(Buffer.from(frame)));
  return sent;
}

function eventsInBinary(frame: Buffer): string[] {
  expect(frame.readUInt32LE(0)).toBe(BATCH_TYPE);
  const events: string[] = [];
  let at = BATCH_HEADER_BYTES;
  while (at < frame.length) {
    const end = at + 4 + frame.readUInt32LE(at);
    events.push(frame.toString('utf8', at + 4, end));
    at = end;
  }
  expect(frame.readUInt32LE(4)).toBe(events.length);
  return events;
}

describe('the events of an outbox', () => {
  const text = fc.string({ minLength: 1, maxLength: 40 });
  const several = fc.array(text, { minLength: 2, maxLength: 20 });

  it('are put into one JSON frame, whatever they say', () => {
    fc.assert(
      fc.property(several, (texts) => {
        const [frame, ...more] = framesOf(outboxOf(texts.map((it) => JSON.stringify(it))), false);
        expect(more).toEqual([]);
        expect(JSON.parse(frame!.toString())).toEqual({ op: 'batch', events: texts });
      }),
    );
  });

  it('are put into one binary frame, each behind its length', () => {
    fc.assert(
      fc.property(several, (texts) => {
        const frames = framesOf(outboxOf(texts), true);
        expect(frames.map(eventsInBinary)).toEqual([texts.map((it) => Buffer.from(it).toString())]);
      }),
    );
  });

  it('go out as they are when there is one', () => {
    expect(framesOf(outboxOf(['{"seq":1}']), false).map(String)).toEqual(['{"seq":1}']);
    expect(framesOf(outboxOf(['\u0002…']), true).map(String)).toEqual(['\u0002…']);
    expect(framesOf(outboxOf([]), false)).toEqual([]);
  });

  it('are spread over frames of a bounded size, a large one by itself', () => {
    const half = JSON.stringify('h'.repeat(BATCH_BYTES_MAX / 2 - 2));
    const large = JSON.stringify('l'.repeat(2 * BATCH_BYTES_MAX));
    const sent = framesOf(outboxOf([half, half, half, large, '1', '2']), false).map(String);
    const batch = (...events: readonly string[]) => `{"op":"batch","events":[${events.join(',')}]}`;
    expect(sent).toEqual([batch(half, half), half, large, batch('1', '2')]);
  });

  it('are put together once for sockets with the same outbox, and anew for others', () => {
    const frames = new OutboxFrames();
    const { bytes, spans } = outboxOf(['{"n":1}', '{"n":2}', '{"n":3}']);
    frames.begin(bytes);
    const sent: { readonly frame: Uint8Array; readonly text: string }[] = [];
    const send = (frame: Uint8Array) => sent.push({ frame, text: Buffer.from(frame).toString() });
    frames.sendBatched(spans, false, send);
    frames.sendBatched([...spans], false, send);
    frames.sendBatched(spans.slice(0, 4), false, send);
    frames.sendBatched(spans.slice(2), false, send);
    frames.sendBatched(spans, false, send);
    expect(sent[1]!.frame).toBe(sent[0]!.frame);
    const told = sent.map(({ text }) =>
      (JSON.parse(text) as { events: readonly { n: number }[] }).events.map(({ n }) => n),
    );
    expect(told).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2],
      [2, 3],
      [1, 2, 3],
    ]);
    frames.begin(Buffer.from('{"n":7}{"n":8}{"n":9}'));
    frames.sendBatched(spans, false, send);
    expect(sent.at(-1)!.text).toContain('{"n":7},{"n":8},{"n":9}');
  });

  it('go out as they are, one by one, where no batch was asked for', () => {
    const frames = new OutboxFrames();
    const { bytes, spans } = outboxOf(['"a"', '"bc"']);
    frames.begin(bytes);
    const sent: string[] = [];
    frames.sendEach(spans, (frame) => sent.push(Buffer.from(frame).toString()));
    frames.sendEach([], () => sent.push('nothing'));
    expect(sent).toEqual(['"a"', '"bc"']);
  });

  it('are put together anew for another form, for fewer, and for other bytes', () => {
    const frames = new OutboxFrames();
    const { bytes, spans } = outboxOf(['1', '2', '3']);
    const sent = (outbox: readonly number[], binary: boolean): string | string[] => {
      const all: Buffer[] = [];
      frames.sendBatched(outbox, binary, (frame) => all.push(Buffer.from(frame)));
      expect(all).toHaveLength(1);
      return binary
        ? eventsInBinary(all[0]!)
        : (JSON.parse(all[0]!.toString()).events as string[]).map(String);
    };
    frames.begin(bytes);
    expect(sent(spans, false)).toEqual(['1', '2', '3']);
    expect(sent(spans, true)).toEqual(['1', '2', '3']);
    expect(sent(spans, false)).toEqual(['1', '2', '3']);
    expect(sent(spans.slice(0, 4), false)).toEqual(['1', '2']);
    expect(sent(spans, false)).toEqual(['1', '2', '3']);
    frames.begin(outboxOf(['7', '8', '9']).bytes);
    expect(sent(spans, false)).toEqual(['7', '8', '9']);
  });

  it('of which some fill a frame are not taken for those of a socket that gets only the rest', () => {
    const frames = new OutboxFrames();
    const half = JSON.stringify('x'.repeat(BATCH_BYTES_MAX / 2));
    const { bytes, spans } = outboxOf([half, '1', half, '2']);
    frames.begin(bytes);
    const sizes = (outbox: readonly number[]): number[] => {
      const all: number[] = [];
      frames.sendBatched(outbox, false, (frame) =>
        all.push(JSON.parse(Buffer.from(frame).toString()).events.length),
      );
      return all;
    };
    expect(sizes(spans)).toEqual([2, 2]);
    expect(sizes(spans)).toEqual([2, 2]);
    expect(sizes(spans.slice(4))).toEqual([2]);
    expect(sizes(spans)).toEqual([2, 2]);
  });
});
