import { describe, expect, it } from 'vitest';
import { LongAnswer } from '../../../src/edge/deliver/long-answer.ts';
import type { Entry } from '../../../src/records/replies.ts';

const entry = (deviceSlot: number, generation = 0): Entry => ({ deviceSlot, generation }) as Entry;

describe('a long answer', () => {
  it('names each device once', () => {
    const answer = new LongAnswer();
    expect(answer.firstTime([entry(1), entry(2)])).toEqual([entry(1), entry(2)]);
    expect(answer.firstTime([entry(2), entry(3), entry(1)])).toEqual([entry(3)]);
    expect(answer.firstTime([entry(3)])).toEqual([]);
  });

  it('names the next device of a slot, too', () => {
    const answer = new LongAnswer();
    answer.firstTime([entry(1, 65_535), entry(2, 0)]);
    expect(answer.firstTime([entry(1, 0), entry(2, 1)])).toEqual([entry(1, 0), entry(2, 1)]);
  });

  it('names its filters once, in the first page that has any', () => {
    const answer = new LongAnswer();
    const filters = [{ filter: '*', value: 2 }];
    expect([[], filters, filters].map((page) => answer.filters(page))).toEqual([[], filters, []]);
  });
});
