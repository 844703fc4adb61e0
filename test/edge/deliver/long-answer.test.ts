import { describe, expect, it } from 'vitest';
import { LongAnswer } from '../../../src/edge/deliver/long-answer.ts';
import { DEVICES_PER_PAGE } from '../../../src/limits.ts';
import type { Entry } from '../../../src/records/replies.ts';

const entry = (deviceSlot: number, generation = 0): Entry => ({ deviceSlot, generation }) as Entry;

describe('a long answer', () => {
  it('names each device once, though other owners begin anew', () => {
    const answer = new LongAnswer();
    expect(answer.firstTime([entry(1), entry(2)])).toEqual([entry(1), entry(2)]);
    answer.again();
    expect(answer.firstTime([entry(2), entry(3), entry(1)])).toEqual([entry(3)]);
    answer.again();
    expect(answer.firstTime([entry(3), entry(4)])).toEqual([entry(4)]);
  });

  it('names the next device of a slot, too', () => {
    const answer = new LongAnswer();
    answer.firstTime([entry(1, 65_535), entry(2, 0)]);
    answer.again();
    expect(answer.firstTime([entry(1, 0), entry(2, 1)])).toEqual([entry(1, 0), entry(2, 1)]);
  });

  it('names the device of the first slot, whatever others were named', () => {
    const answer = new LongAnswer();
    answer.firstTime([entry(1)]);
    answer.again();
    expect(answer.firstTime([entry(0)])).toEqual([entry(0)]);
  });

  it('tells devices apart by slot and generation, however many slots there are', () => {
    const answer = new LongAnswer();
    answer.firstTime([entry(0, 1), entry(1, 0)]);
    answer.again();
    expect(answer.firstTime([entry(65_536, 0), entry(0, 65_535)])).toEqual([
      entry(65_536, 0),
      entry(0, 65_535),
    ]);
  });

  it('remembers as many as there are, also where the first page is the longest', () => {
    const answer = new LongAnswer();
    const pages = [2 * DEVICES_PER_PAGE, 1].map((length, page) =>
      Array.from({ length }, (_, n) => entry(page * 10_000 + n)),
    );
    for (const page of pages) answer.firstTime(page);
    answer.again();
    for (const page of pages) expect(answer.firstTime(page)).toEqual([]);
  });

  it('remembers as many as there are', () => {
    const answer = new LongAnswer();
    const pages = Array.from({ length: 7 }, (_, page) =>
      Array.from({ length: page * DEVICES_PER_PAGE }, (_, n) => entry(page * 10_000 + n, page)),
    );
    for (const page of pages) expect(answer.firstTime(page)).toBe(page);
    answer.again();
    for (const page of pages) expect(answer.firstTime(page)).toEqual([]);
  });

  it('names its filters once, in the first page that has any', () => {
    const answer = new LongAnswer();
    const filters = [{ filter: '*', value: 2 }];
    expect([[], filters, filters].map((page) => answer.filters(page))).toEqual([[], filters, []]);
  });
});
