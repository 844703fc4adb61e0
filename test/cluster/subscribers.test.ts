import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKeptSubscriber, encodeKeptSubscriber } from '../../src/cluster/subscribers.ts';
import { isId } from '../../src/wire/id.ts';

const id = fc.stringMatching(/^[A-Za-z0-9._:~-]{1,20}$/).filter(isId);
const types = fc.constantFrom(0, 2, 4, 8, 14);
const row = fc.record({ device: id, paused: fc.boolean(), types });
const filter = fc.record({ filter: id.map((prefix) => `${prefix}*`), paused: fc.boolean(), types });

describe('what is kept of a subscriber', () => {
  it('moves with its subscriptions, filters, pauses and types', () => {
    const kept = fc.record({
      rows: fc.uniqueArray(row, { selector: ({ device }) => device, maxLength: 30 }),
      filters: fc.uniqueArray(filter, { selector: (one) => one.filter, maxLength: 5 }),
      awayMs: fc.nat(300_000),
    });
    fc.assert(
      fc.property(kept, (given) => {
        expect(decodeKeptSubscriber(encodeKeptSubscriber(given))).toEqual(given);
      }),
    );
  });

  it('goes in parts of at most 500 subscriptions', () => {
    const rows = Array.from({ length: 1201 }, (_, n) => ({
      device: `dev-${n}`,
      paused: n % 2 === 0,
      types: 0,
    }));
    const filters = [{ filter: '*', paused: false, types: 8 }];
    const parts = encodeKeptSubscriber({ rows, filters, awayMs: 5 });
    expect(parts).toHaveLength(3);
    expect(decodeKeptSubscriber(parts)).toEqual({ rows, filters, awayMs: 5 });
  });

  it('leaves out what is none', () => {
    const page = {
      rows: [
        ['dev-1', 0, 0],
        ['a b', 0, 0],
        ['dev-2', 7, 0],
        ['dev-3', 0, 1],
        ['dev-1', 1, 2],
        'dev-4',
        null,
      ],
      filters: [
        ['site-a.*', 1, 2],
        ['site-b', 0, 0],
        ['a b*', 0, 0],
      ],
      awayMs: 'long',
    };
    const parts = [Buffer.from(JSON.stringify(page)), Buffer.from('no json'), Buffer.from('7')];
    expect(decodeKeptSubscriber(parts)).toEqual({
      rows: [{ device: 'dev-1', paused: false, types: 0 }],
      filters: [{ filter: 'site-a.*', paused: true, types: 2 }],
      awayMs: 0,
    });
    expect(decodeKeptSubscriber([])).toEqual({ rows: [], filters: [], awayMs: 0 });
  });
});
