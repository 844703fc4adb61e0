import { describe, expect, it } from 'vitest';
import { pageOf } from '../../src/cluster/history-pages.ts';
import { HISTORY_PAGE_BYTES_MAX } from '../../src/cluster/limits.ts';
import { Step } from '../../src/history/replay.ts';
import { EventField, eventOf } from '../../src/records/event.ts';

const DEVICE = { slot: 1, generation: 2, seq: 9 };

/** Keeps events of these payloads' lengths, the oldest first. */
function readerOf(sizes: readonly number[]) {
  return {
    before(_device: object, _seq: number, max: number) {
      const kept = sizes.slice(-max);
      let next = 0;
      return {
        count: kept.length,
        views: eventOf({ ...EVENT, payload: Buffer.alloc(0) }),
        next() {
          if (next === kept.length) return Step.End;
          this.views = eventOf({ ...EVENT, payload: Buffer.alloc(kept[next++]!) });
          return Step.Event;
        },
      };
    },
  } as unknown as Parameters<typeof pageOf>[0];
}
const EVENT = { type: 2, priority: 2, flags: 0, at: 1, received: 1, status: Buffer.alloc(0) };

describe('A page of the past for another node', () => {
  it('has all events that there are, or as many as were asked for', () => {
    const reader = readerOf([10, 10, 10]);
    expect(pageOf(reader, DEVICE, 9, 5)).toEqual({ count: 3, isCut: false });
    expect(pageOf(reader, DEVICE, 9, 2)).toEqual({ count: 2, isCut: true });
    expect(pageOf(readerOf([]), DEVICE, 9, 5)).toEqual({ count: 0, isCut: false });
  });

  it('has the newest that fit', () => {
    const half = HISTORY_PAGE_BYTES_MAX / 2 - EventField.body;
    expect(pageOf(readerOf([1, half, half]), DEVICE, 9, 5)).toEqual({ count: 2, isCut: true });
    expect(pageOf(readerOf([1, half + 1, half]), DEVICE, 9, 5)).toEqual({ count: 1, isCut: true });
    expect(pageOf(readerOf([half, half]), DEVICE, 9, 5)).toEqual({ count: 2, isCut: false });
  });

  it('has one event at least, however large', () => {
    expect(pageOf(readerOf([1, 2 * HISTORY_PAGE_BYTES_MAX]), DEVICE, 9, 5)).toEqual({
      count: 1,
      isCut: true,
    });
  });
});
