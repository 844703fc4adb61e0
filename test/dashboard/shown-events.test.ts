/** Which events the page of a device lists, when both the stream and the hub's history tell of them. */
import { describe, expect, it } from 'vitest';
import type { LiveEvent } from '../../dashboard/src/live.ts';
import {
  EVENTS_SHOWN,
  type KeptEvent,
  type Shown,
  withCome,
  withKept,
} from '../../dashboard/src/shown-events.ts';

const event = (at: number, json: string): LiveEvent => ({
  at,
  type: 'message',
  priority: 'normal',
  bytes: json.length,
  json,
});
const come = (at: number, json: string): Shown => ({
  ...event(at, json),
  key: `live-${at}`,
  isKept: false,
  isFromHub: false,
});
const kept = (seq: number, at: number, json: string, isFromHub = false): KeptEvent => ({
  ...event(at, json),
  seq,
  isFromHub,
});
const listed = (shown: readonly Shown[]) => shown.map(({ at, isKept }) => [at, isKept ? 'kept' : 'came']);

describe('the events of a device', () => {
  it('are shown once where the stream told of them first', () => {
    const shown = withKept([come(100, '{"n": 2}')], [kept(2, 102, '{"n":2}'), kept(1, 50, '{"n":1}')]);
    expect(listed(shown)).toEqual([
      [100, 'came'],
      [50, 'kept'],
    ]);
  });

  it('are shown once where the history told of them first', () => {
    const before = withKept([], [kept(2, 102, '{"n":2}'), kept(1, 50, '{"n":1}')]);
    expect(listed(withCome(before, [come(200, '{"n":3}'), come(100, '{"n": 2}')]))).toEqual([
      [200, 'came'],
      [100, 'came'],
      [50, 'kept'],
    ]);
  });

  it('are others where the hub itself sent them, or they are not equal', () => {
    const before = withKept([], [kept(2, 101, '1', true), kept(1, 100, '2')]);
    expect(listed(withCome(before, [come(101, '1')]))).toEqual([
      [101, 'came'],
      [101, 'kept'],
      [100, 'kept'],
    ]);
  });

  it('are others where the device counts anew', () => {
    const before = withKept([], [kept(1, 100, '1')]);
    expect(listed(withKept(before, [kept(1, 900, '1')]))).toEqual([
      [900, 'kept'],
      [100, 'kept'],
    ]);
  });

  it('do not come back once they were cleared away', () => {
    const found = [kept(3, 900, '3'), kept(2, 102, '2'), kept(1, 50, '1')];
    expect(listed(withKept([], found, 100))).toEqual([[900, 'kept']]);
  });

  it('are the newest ones only', () => {
    const many = Array.from({ length: EVENTS_SHOWN + 5 }, (_, n) => come(1000 - n, '1'));
    const shown = withCome([], many);
    expect([shown.length, shown[0]?.at]).toEqual([EVENTS_SHOWN, 1000]);
  });
});
