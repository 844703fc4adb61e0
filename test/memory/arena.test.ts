import { ok, strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ARENA_TEXT_BYTES_MAX, Arena, ArenaReader, arenaBytesFor, NO_TEXT } from '../../src/memory/arena.ts';
import { runs } from '../support/runs.ts';

const UNIT = 32;

function open(units: number): { memory: SharedArrayBuffer; arena: Arena; reader: ArenaReader } {
  const memory = new SharedArrayBuffer(UNIT * (1 + units));
  return { memory, arena: new Arena(memory), reader: new ArenaReader(memory) };
}

/** Stores the text from bytes that do not begin at 0. */
function store(arena: Arena, text: string): number {
  const bytes = Buffer.from(`<${text}`);
  return arena.store(bytes, 1, bytes.length - 1);
}

describe('a text in the arena', () => {
  it('reads as it was stored, whatever its length', () => {
    const { arena, reader } = open(12);
    for (let length = 0; length <= ARENA_TEXT_BYTES_MAX; length++) {
      const text = Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i + length) % 26))).join('');
      const chunk = store(arena, text);
      expect(reader.text(chunk)).toBe(text);
      expect(reader.length(chunk)).toBe(length);
      const bytes = Buffer.from(`${text}..`);
      expect(reader.equals(chunk, bytes, 0, length)).toBe(true);
      expect(reader.equals(chunk, bytes, 0, length + 1)).toBe(false);
      if (length > 0) {
        expect(reader.equals(chunk, bytes, 0, length - 1)).toBe(false);
        bytes[length - 1]! ^= 1;
        expect(reader.equals(chunk, bytes, 0, length)).toBe(false);
      }
      arena.release(chunk);
    }
  });

  it('is found by a part of it, in any case of letters, across its units', () => {
    const { arena, reader } = open(12);
    const chunk = store(arena, `${'x'.repeat(20)}Site-A.Pump-17${'y'.repeat(40)}`);
    const has = (needle: string): boolean => reader.includes(chunk, Buffer.from(needle));
    expect(['site-a.pump', 'x', 'pump-17yyy', '', 'y'.repeat(40)].map(has)).toEqual(Array(5).fill(true));
    expect(['site-b', 'yyyyz', 'x'.repeat(21), 'y'.repeat(41)].map(has)).toEqual(Array(4).fill(false));
  });

  it('is found in any case of the letters A to Z, and of no other character', () => {
    const { arena, reader } = open(12);
    const chunk = store(arena, '@AMZ[');
    for (const [needle, isFound] of [
      ['@amz[', true],
      ['`amz[', false],
      ['amz{', false],
      ['AMZ', false], // a needle is in lower case
    ] as const)
      expect(reader.includes(chunk, Buffer.from(needle)), needle).toBe(isFound);
  });

  it('is not found by what an earlier one had behind its end', () => {
    const { arena, reader } = open(12);
    const long = store(arena, 'abcdef');
    expect(reader.includes(long, Buffer.from('abcdef'))).toBe(true);
    const short = store(arena, 'abc');
    for (const needle of ['abcd', 'def', 'd'])
      expect(reader.includes(short, Buffer.from(needle))).toBe(false);
  });

  it('has nothing of the one that stood there before', () => {
    const { arena, reader } = open(1);
    arena.release(store(arena, 'abcdef'));
    const chunk = store(arena, 'abc');
    expect(reader.equals(chunk, Buffer.from('abcdef'), 0, 6)).toBe(false);
    expect(reader.startsWith(chunk, Buffer.from('abcdef'))).toBe(false);
    expect(reader.includes(chunk, Buffer.from('abcdef'))).toBe(false);
  });

  it('is found by its end where it is as long as may be', () => {
    const { arena, reader } = open(12);
    const chunk = store(arena, `${'x'.repeat(ARENA_TEXT_BYTES_MAX - 3)}end`);
    expect(reader.includes(chunk, Buffer.from('end'))).toBe(true);
    expect(reader.includes(chunk, Buffer.from('ends'))).toBe(false);
  });

  it('is found by what it starts with', () => {
    const { arena, reader } = open(12);
    const text = 'abcdefghij'.repeat(9);
    const chunk = store(arena, text);
    for (let length = 0; length <= text.length; length++)
      expect(reader.startsWith(chunk, Buffer.from(text.slice(0, length)))).toBe(true);
    for (const prefix of ['b', 'abcdefghija-', `${text}a`])
      expect(reader.startsWith(chunk, Buffer.from(prefix))).toBe(false);
  });

  it('is copied to where it is wanted', () => {
    const { arena, reader } = open(12);
    const into = Buffer.alloc(300, '.');
    expect(reader.copy(store(arena, 'x'.repeat(30)), into, 5)).toBe(30);
    expect(into.toString('utf8', 0, 40)).toBe(`.....${'x'.repeat(30)}.....`);
  });

  it('is at most 256 bytes long', () => {
    const tooLong = new RangeError('text of 257 bytes, at most 256');
    expect(() => open(20).arena.store(new Uint8Array(300), 0, 257)).toThrow(tooLong);
  });

  it('is empty for the chunk that names none', () => {
    const { arena, reader } = open(2);
    for (let n = 0; n < 2; n++) expect(store(arena, 'x')).not.toBe(NO_TEXT);
    arena.release(NO_TEXT);
    expect(reader.text(NO_TEXT)).toBe('');
    expect(reader.usage().used).toBe(2 * UNIT);
    expect(store(arena, 'x')).toBe(NO_TEXT);
  });
});

describe('an arena', () => {
  it('refuses what it has no room for, changes nothing, and tells how full it is', () => {
    const { arena, reader } = open(4);
    expect(reader.usage()).toEqual({ used: 0, capacity: 4 * UNIT });
    const chunk = store(arena, 'x'.repeat(80)); // three units
    expect(reader.usage().used).toBe(3 * UNIT);
    expect(store(arena, 'y'.repeat(27))).toBe(NO_TEXT);
    expect(reader.usage().used).toBe(3 * UNIT);
    expect(store(arena, 'y'.repeat(26))).toBeGreaterThan(0);
    expect(store(arena, '')).toBe(NO_TEXT);
    expect(reader.text(chunk)).toBe('x'.repeat(80));
    arena.release(chunk);
    expect(reader.usage().used).toBe(UNIT);
    expect(store(arena, 'z'.repeat(82))).toBeGreaterThan(0);
  });

  it('is as large as its longest texts take', () => {
    const memory = new SharedArrayBuffer(
      arenaBytesFor([
        { count: 7, bytesMax: 128 },
        { count: 3, bytesMax: 256 },
      ]),
    );
    const arena = new Arena(memory);
    for (let n = 0; n < 3; n++) ok(store(arena, 'x'.repeat(256)) !== NO_TEXT);
    for (let n = 0; n < 7; n++) ok(store(arena, 'x'.repeat(128)) !== NO_TEXT);
    expect(arena.usage().used).toBe(arena.usage().capacity);
    expect(store(arena, 'x')).toBe(NO_TEXT);
  });

  it('has room for any text while enough units are free, over any sequence of operations and owners', () => {
    const units = 60;
    const step = fc.record({ length: fc.nat(ARENA_TEXT_BYTES_MAX), drop: fc.nat(30), adopt: fc.nat(15) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        const { memory, reader, arena: first } = open(units);
        let arena = first;
        const texts = new Map<number, string>();
        let used = 0;
        for (const [n, { length, drop, adopt }] of steps.entries()) {
          const text = String.fromCharCode(97 + (n % 26)).repeat(length);
          const needed = 1 + Math.max(0, Math.ceil((length - 26) / 28));
          const chunk = store(arena, text);
          strictEqual(chunk !== NO_TEXT, used + needed <= units);
          if (chunk !== NO_TEXT) {
            ok(!texts.has(chunk));
            texts.set(chunk, text);
            used += needed;
          }
          const [dropped, old] = [...texts][drop] ?? [];
          if (dropped !== undefined && old !== undefined) {
            arena.release(dropped);
            texts.delete(dropped);
            used -= 1 + Math.max(0, Math.ceil((old.length - 26) / 28));
          }
          if (adopt === 0) {
            arena = new Arena(memory);
            arena.adopt(texts.keys());
          }
          strictEqual(reader.usage().used, used * UNIT);
          for (const [one, expected] of texts) strictEqual(reader.text(one), expected);
        }
      }),
      { numRuns: runs(100) },
    );
  });
});

describe('a reader that meets a chain in the middle of a change', () => {
  it('reads no further than the arena and the longest text', () => {
    const { memory, arena, reader } = open(6);
    const chunk = store(arena, 'x'.repeat(100));
    const words = new Uint32Array(memory);
    const source = Buffer.from('x'.repeat(256));
    for (const next of [chunk, 5, 6, 7, 0xffffffff, NO_TEXT]) {
      words[(chunk * UNIT) / 4] = next;
      expect(reader.text(chunk).length).toBeLessThanOrEqual(ARENA_TEXT_BYTES_MAX);
      reader.equals(chunk, source, 0, 100);
    }
    new Uint8Array(memory)[chunk * UNIT + 5] = 0xff; // a length of more than 65,000
    expect(reader.length(chunk)).toBe(ARENA_TEXT_BYTES_MAX);
  });
});
