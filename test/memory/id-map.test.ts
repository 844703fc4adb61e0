import { strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arena, ArenaReader } from '../../src/memory/arena.ts';
import { createIdMap, entriesFor, IdMap, IdMapReader } from '../../src/memory/id-map.ts';
import { runs } from '../support/runs.ts';

interface Table {
  readonly memory: SharedArrayBuffer;
  readonly chunks: Uint32Array;
  readonly arena: SharedArrayBuffer;
  readonly map: IdMap;
  readonly reader: IdMapReader;
}

function open(capacity: number, key?: { low: number; high: number }): Table {
  const memory = createIdMap(capacity, key);
  const chunks = new Uint32Array(new SharedArrayBuffer(4 * capacity));
  const arena = new SharedArrayBuffer(64 * 1024 + capacity * 256);
  return {
    memory,
    chunks,
    arena,
    map: new IdMap(memory, chunks, new Arena(arena)),
    reader: new IdMapReader(memory, chunks, new ArenaReader(arena)),
  };
}

const insert = (map: IdMap, slot: number, id: string): boolean =>
  map.insert(slot, Buffer.from(id), 0, Buffer.byteLength(id));
const find = (map: IdMapReader, id: string): number => map.find(Buffer.from(id), 0, Buffer.byteLength(id));

const CAPACITY = 12;
const ids = Array.from({ length: 20 }, (_, n) => `${'id-'.repeat(1 + (n % 5))}${n}`);
const step = fc.record({ slot: fc.nat(CAPACITY - 1), id: fc.nat(ids.length - 1), adopt: fc.nat(20) });

describe('a map of ids over any sequence of operations', () => {
  it('finds what was put in and not taken out, for its writer and for readers, also after another took it over', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
        const table = open(CAPACITY);
        let { map } = table;
        const model = new Map<number, string>();
        for (const { slot, id: n, adopt } of steps) {
          const id = ids[n]!;
          if (model.has(slot)) {
            map.remove(slot);
            model.delete(slot);
          } else if (![...model.values()].includes(id)) {
            expect(insert(map, slot, id)).toBe(true);
            model.set(slot, id);
          }
          if (adopt === 0) {
            const arena = new Arena(table.arena);
            arena.adopt(Uint32Array.from([...model.keys()].map((one) => table.chunks[one]!)));
            map = new IdMap(table.memory, table.chunks, arena);
            map.adopt([...model.keys()]);
          }
          const slots = new Map([...model].map(([one, name]) => [name, one]));
          for (const name of ids) {
            strictEqual(find(map, name), slots.get(name) ?? -1);
            strictEqual(find(table.reader, name), slots.get(name) ?? -1);
          }
        }
      }),
      { numRuns: runs(100) },
    );
  });
});

describe('a map of ids', () => {
  it('looks a few entries further at most, full and after any number of removals', () => {
    const capacity = 10_000;
    const { map } = open(capacity);
    for (let slot = 0; slot < capacity; slot++) insert(map, slot, `device-${slot}`);
    const full = map.longestProbe();
    for (let n = 0; n < 10 * capacity; n++) {
      const slot = (n * 7919) % capacity;
      map.remove(slot);
      insert(map, slot, `device-${capacity + n}`);
    }
    // Expected are some tens; 500 entries take less than a microsecond.
    expect(full).toBeLessThan(500);
    expect(map.longestProbe()).toBeLessThan(500);
    for (let slot = 0; slot < capacity; slot++) map.remove(slot);
    expect(map.longestProbe()).toBe(0);
    expect(find(map, `device-${capacity}`)).toBe(-1);
  });

  it.each([
    ['no entry', [], 0],
    [
      'entries at home',
      [
        [0, 0],
        [12, 0xffffffff],
      ],
      0,
    ],
    [
      'an entry that was pushed on by two',
      [
        [0, 0],
        [1, 0],
        [2, 0],
      ],
      2,
    ],
    [
      'an entry that was pushed over the end',
      [
        [12, 0xffffffff],
        [0, 0xffffffff],
        [1, 0],
      ],
      1,
    ],
  ] as const)('counts the entries that the longest look-up passes: %s', (_, entries, longest) => {
    const { memory, map } = open(4); // thirteen entries
    const words = new Uint32Array(memory, 64);
    for (const [at, hash] of entries) words.set([7, hash], 2 * at);
    expect(map.longestProbe()).toBe(longest);
  });

  it('has a key of its own, which its readers and its next owner share', () => {
    const [one, other] = [open(1000), open(1000)];
    const order = ({ map, memory }: Table): number[] => {
      for (let slot = 0; slot < 100; slot++) insert(map, slot, `device-${slot}`);
      return [...new Uint32Array(memory, 64)].filter((slot, word) => word % 2 === 0 && slot > 0);
    };
    expect(order(one)).not.toEqual(order(other));
    const key = { low: 1, high: 2 };
    expect(order(open(1000, key))).toEqual(order(open(1000, key)));
  });

  it('refuses an id that the arena has no room for', () => {
    const memory = createIdMap(4);
    const arena = new Arena(new SharedArrayBuffer(64));
    const map = new IdMap(memory, new Uint32Array(4), arena);
    const long = 'x'.repeat(128);
    expect(insert(map, 0, long)).toBe(false);
    expect(find(map, long)).toBe(-1);
  });
});

/** An arena in which a test sees each comparison that a look-up makes, and each release. */
class WatchedArena extends Arena {
  onLook = (): void => {};

  override equals(...args: Parameters<Arena['equals']>): boolean {
    this.onLook();
    return super.equals(...args);
  }

  override release(chunk: number): void {
    this.onLook();
    super.release(chunk);
  }
}

describe('a map of ids that its owner changes while a reader looks', () => {
  function watched() {
    const memory = createIdMap(8);
    const sequence = new Int32Array(memory, 0, 1);
    const chunks = new Uint32Array(new SharedArrayBuffer(32));
    const arena = new WatchedArena(new SharedArrayBuffer(4096));
    const map = new IdMap(memory, chunks, arena);
    return { sequence, chunks, arena, map, reader: new IdMapReader(memory, chunks, arena) };
  }

  it('is looked through again, until nothing has changed meanwhile', () => {
    const { arena, map, reader } = watched();
    insert(map, 3, 'dev-1');
    let looks = 0;
    arena.onLook = () => {
      looks += 1;
      if (looks !== 1) return;
      map.remove(3);
      insert(map, 5, 'dev-1');
    };
    expect(find(reader, 'dev-1')).toBe(5);
  });

  it('is given up as not found where it is never at rest', () => {
    const { sequence, map, reader } = watched();
    insert(map, 3, 'dev-1');
    sequence[0] = 1; // as an owner left it that died in the middle of a change
    expect(find(reader, 'dev-1')).toBe(-1);
    expect(find(map, 'dev-1')).toBe(3);
  });

  it('says so for as long as entries move, and no longer', () => {
    const { sequence, chunks, arena, map } = watched();
    const seen: number[] = [];
    for (const slot of [3, 4]) insert(map, slot, `dev-${slot}`);
    arena.onLook = () => seen.push(sequence[0]! & 1);
    map.remove(3);
    expect([...seen, sequence[0]! & 1]).toEqual([1, 0]);
    expect(chunks[3]).toBe(0);
    sequence[0] = 1; // its owner died meanwhile
    seen.length = 0;
    const slots = Object.assign([4], {
      *[Symbol.iterator]() {
        seen.push(sequence[0]! & 1);
        yield 4;
      },
    });
    map.adopt(slots);
    expect([...seen, sequence[0]! & 1]).toEqual([1, 0]);
    expect(find(map, 'dev-4')).toBe(4);
  });

  it('stays as it is where it is whole when another owner takes it over', () => {
    const { sequence, map } = watched();
    for (const slot of [3, 4]) insert(map, slot, `dev-${slot}`);
    map.adopt([3, 4]);
    expect([sequence[0], find(map, 'dev-3'), find(map, 'dev-4')]).toEqual([0, 3, 4]);
    map.adopt([4]); // 3 was entered, and its row was not made
    expect(sequence[0]).toBe(2);
    expect([find(map, 'dev-3'), find(map, 'dev-4')]).toEqual([-1, 4]);
  });
});

it('a map of ids has five entries for four slots, and some more', () => {
  expect([1, 4, 5, 1000].map(entriesFor)).toEqual([10, 13, 15, 1258]);
  expect(createIdMap(1000).byteLength).toBe(64 + 8 * 1258);
});
