import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKeptPart, encodeKeptPart } from '../../src/cluster/subscribers.ts';
import { isId } from '../../src/wire/id.ts';

const NOTHING = { rows: [], filters: [], turns: [], awayMs: 0 };
const id = fc.stringMatching(/^[A-Za-z0-9._:~-]{1,20}$/).filter(isId);
const types = fc.constantFrom(0, 2, 4, 8, 14);
const row = fc.record({ device: id, paused: fc.boolean(), types });
const filter = fc.record({ filter: id.map((prefix) => `${prefix}*`), paused: fc.boolean(), types });
const turn = fc.record({ device: id, paused: fc.boolean() });

describe('a part of what is kept of a subscriber', () => {
  it('moves with its subscriptions, filters, pauses and types, and with what it turned beneath a filter', () => {
    const kept = fc.record({
      rows: fc.array(row, { maxLength: 30 }),
      filters: fc.array(filter, { maxLength: 5 }),
      turns: fc.array(turn, { maxLength: 5 }),
      awayMs: fc.nat(300_000),
    });
    fc.assert(
      fc.property(kept, (given) => {
        expect(decodeKeptPart(encodeKeptPart(given))).toEqual(given);
      }),
    );
  });

  it('leaves out what is none', () => {
    const page = {
      rows: [['dev-1', 0, 0], ['a b', 0, 0], ['dev-2', 7, 0], ['dev-3', 0, 1], 'dev-4', null],
      filters: [
        ['site-a.*', 1, 2],
        ['site-b', 0, 0],
        ['a b*', 0, 0],
      ],
      turns: [
        ['dev-5', 1, 0],
        ['site-a.*', 1, 0],
      ],
      awayMs: 'long',
    };
    expect(decodeKeptPart(Buffer.from(JSON.stringify(page)))).toEqual({
      rows: [{ device: 'dev-1', paused: false, types: 0 }],
      filters: [{ filter: 'site-a.*', paused: true, types: 2 }],
      turns: [{ device: 'dev-5', paused: true }],
      awayMs: 0,
    });
  });

  it.each(['no json', '7', '{"awayMs":-1}', '{"awayMs":1e999}'])('that reads %s is nothing', (text) => {
    expect(decodeKeptPart(Buffer.from(text))).toEqual(NOTHING);
  });
});
