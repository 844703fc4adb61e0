import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arena, arenaBytesFor } from '../../src/memory/arena.ts';
import { createSlab, usedCount } from '../../src/memory/layout.ts';
import { FilterTable, Unfinished } from '../../src/owner/filter-table.ts';
import { filterColumns, NONE, subscriberColumns } from '../../src/presence/columns.ts';
import { RowState } from '../../src/presence/lifecycle.ts';
import { runs } from '../support/runs.ts';

const SUBSCRIBERS = 3;
const CAPACITY = 6;
/** Of an arena: one short prefix. */
const PREFIX_BYTES = 32;

/** A table of filters, with the memory that it stands in. */
function setUp({ capacity = CAPACITY, prefixes = CAPACITY } = {}) {
  const { memory } = createSlab(filterColumns, capacity);
  const subscribers = createSlab(subscriberColumns, SUBSCRIBERS);
  subscribers.rows.firstFilter.fill(NONE);
  const texts = new SharedArrayBuffer(arenaBytesFor([{ count: prefixes, bytesMax: 8 }]));
  const arena = new Arena(texts);
  const table = new FilterTable(memory, subscribers, arena);
  let changes = 0;
  table.prefixesChanged = () => {
    changes += 1;
  };
  /** Another owner takes the memory over, in which only these subscribers are left. */
  const adopt = (isSubscriber: (slot: number) => boolean = () => true) => {
    subscribers.rows.firstFilter.fill(NONE);
    subscribers.rows.filterCount.fill(0);
    const taken = new Arena(texts);
    const next = new FilterTable(memory, subscribers, taken);
    taken.adopt(next.chunks());
    next.adopt(isSubscriber);
    return { next, arena: taken };
  };
  return { table, arena, adopt, changes: () => changes };
}

const create = (table: FilterTable, prefix: string, subscriber = 0, types = 1): number =>
  table.create(subscriber, prefix, RowState.active, types);

/** Each filter that matches the id, as `subscriber slot`. */
function matching(table: FilterTable, id: string): string[] {
  return [...table.matching(id)].map((slot) => `${table.subscriber(slot)} ${slot}`).sort();
}

describe('a table of filters', () => {
  it('makes a filter that is found by its subscriber and prefix, and by ids that it matches', () => {
    const { table } = setUp();
    const slot = table.create(1, 'dev-', RowState.paused, 5);
    expect([table.find(1, 'dev-'), table.find(0, 'dev-'), table.find(1, 'dev')]).toEqual([slot, -1, -1]);
    expect([table.prefix(slot), table.state(slot), table.count(1)]).toEqual(['dev-', RowState.paused, 1]);
    expect(matching(table, 'dev-1')).toEqual([`1 ${slot}`]);
    expect(matching(table, 'dev-')).toEqual([`1 ${slot}`]);
    expect([matching(table, 'dev'), matching(table, 'a-dev-')]).toEqual([[], []]);
  });

  it('matches every id by the empty prefix, which takes no room in the arena', () => {
    const { table, arena } = setUp({ prefixes: 1 });
    const slot = create(table, '');
    expect([slot, table.prefix(slot), arena.usage().used]).toEqual([0, '', 0]);
    expect(matching(table, 'x')).toEqual(['0 0']);
    table.remove(slot);
    expect([create(table, 'a'), arena.usage().used]).toEqual([0, PREFIX_BYTES]);
  });

  it('finds a filter once, whatever longer prefixes there are', () => {
    const { table } = setUp();
    const slot = create(table, 'a');
    create(table, 'abc', 1);
    create(table, 'abcdef', 2);
    expect(matching(table, 'a')).toEqual([`0 ${slot}`]);
    expect(matching(table, 'abc')).toHaveLength(2);
  });

  it('is full when every row is taken, until one is removed', () => {
    const { table } = setUp({ capacity: 2 });
    const slots = [create(table, 'a'), create(table, 'b'), create(table, 'c')];
    expect(slots).toEqual([0, 1, -1]);
    expect(table.count(0)).toBe(2);
    table.remove(0);
    expect(create(table, 'c')).toBe(0);
  });

  it('is full when there is no room for the prefix, and loses no row for that', () => {
    const { table } = setUp({ capacity: 2, prefixes: 1 });
    expect([create(table, 'a'), create(table, 'b')]).toEqual([0, -1]);
    expect([usedCount(table.slab), table.count(0), table.hasPrefix('b')]).toEqual([1, 1, false]);
    expect(create(table, '')).toBe(1);
  });

  it('starts a filter in a slot that was used as a new one', () => {
    const { table } = setUp({ capacity: 1 });
    const slot = create(table, 'a', 0, 3);
    table.begin(slot, Unfinished.rules);
    table.remove(slot);
    create(table, 'b', 1, 4);
    expect([table.isUnfinished(slot), table.prefix(slot), table.typesOf(1, 'b')]).toEqual([false, 'b', 4]);
    expect([table.typesOf(0, 'a'), table.find(0, 'a'), matching(table, 'a')]).toEqual([0, -1, []]);
  });

  it('says when a prefix has its first filter or has lost its last, and no other time', () => {
    const { table, changes } = setUp();
    const slots = [create(table, 'a'), create(table, 'a', 1), create(table, 'b')];
    expect([changes(), table.prefixes(), table.hasPrefix('a')]).toEqual([2, ['a', 'b'], true]);
    table.remove(slots[0]!);
    expect([changes(), table.hasPrefix('a')]).toEqual([2, true]);
    table.remove(slots[1]!);
    expect([changes(), table.prefixes(), table.hasPrefix('a')]).toEqual([3, ['b'], false]);
  });

  it('finds filters by prefixes of a length of which one has gone', () => {
    const { table } = setUp();
    const slots = [create(table, 'a'), create(table, 'b'), create(table, 'c')];
    for (const slot of slots.slice(0, 2)) {
      table.remove(slot);
      expect(matching(table, 'c')).toEqual([`0 ${slots[2]}`]);
    }
  });

  it('remembers each reason for which a filter is unfinished until it is finished', () => {
    const { table } = setUp();
    const slot = create(table, 'a');
    table.begin(slot, Unfinished.pages);
    table.begin(slot, Unfinished.rules);
    table.finish(slot, Unfinished.pages);
    table.finish(slot, Unfinished.pages);
    expect(table.isUnfinished(slot)).toBe(true);
    table.begin(slot, Unfinished.pages);
    table.finish(slot, Unfinished.rules);
    expect(table.isUnfinished(slot)).toBe(true);
    table.finish(slot, Unfinished.pages);
    expect(table.isUnfinished(slot)).toBe(false);
  });

  it('that is being resumed lacks no device for that', () => {
    const { table } = setUp();
    const slot = create(table, 'a');
    expect(table.isResuming(slot)).toBe(false);
    table.begin(slot, Unfinished.resume);
    expect([table.isResuming(slot), table.isUnfinished(slot)]).toEqual([true, false]);
    table.finish(slot, Unfinished.pages);
    expect(table.isResuming(slot)).toBe(true);
    table.finish(slot, Unfinished.resume);
    expect(table.isResuming(slot)).toBe(false);
  });

  it('asks for all types that matching filters of the subscriber ask for', () => {
    const { table } = setUp();
    for (const [prefix, types] of [
      ['a', 1],
      ['ab', 4],
      ['b', 8],
    ] as const)
      create(table, prefix, 0, types);
    create(table, 'a', 1, 2);
    expect(['ab1', 'a1', 'xab', 'c'].map((id) => table.typesOf(0, id))).toEqual([5, 1, 0, 0]);
    expect([table.typesOf(1, 'ab1'), table.typesOf(2, 'ab1')]).toEqual([2, 0]);
  });

  it('gives a device the state of the matching filter that lets most through', () => {
    const strengths = [RowState.active, RowState.silent, RowState.disconnected, RowState.paused] as const;
    for (const [at, state] of strengths.entries())
      for (const weaker of strengths.slice(at)) {
        const { table } = setUp();
        table.create(0, 'a', weaker, 1);
        table.create(0, 'ab', state, 1);
        table.create(0, 'abc', weaker, 1);
        table.create(0, 'x', RowState.active, 1);
        table.create(1, 'ab', RowState.active, 1);
        expect([table.strongestState(0, 'abcd'), table.strongestState(0, 'a')]).toEqual([state, weaker]);
      }
  });

  it('gives a device that no filter matches no state', () => {
    const { table } = setUp();
    create(table, 'a');
    expect([table.strongestState(0, 'b'), table.strongestState(2, 'a')]).toEqual([0, 0]);
  });

  it('changes the state of a filter', () => {
    const { table } = setUp();
    const slot = create(table, 'a');
    table.setState(slot, RowState.silent);
    expect([table.state(slot), table.strongestState(0, 'a')]).toEqual([RowState.silent, RowState.silent]);
  });
});

describe('a table of filters that another owner left', () => {
  it('names the texts that its filters use, which are kept', () => {
    const { table, adopt } = setUp({ capacity: 3 });
    for (const prefix of ['gone', 'a', '']) create(table, prefix);
    table.remove(table.find(0, 'gone'));
    expect(table.chunks()).toEqual([table.slab.rows.prefix[table.find(0, 'a')]]);
    const { next, arena } = adopt();
    expect(arena.usage().used).toBe(PREFIX_BYTES);
    expect([next.prefix(1), next.prefix(2), next.count(0)]).toEqual(['a', '', 2]);
    expect(next.prefixes()).toEqual(['a', '']);
  });

  it('loses the filters of subscribers that are gone', () => {
    const { table, adopt } = setUp();
    create(table, 'a', 0);
    create(table, 'a', 1);
    const { next } = adopt((slot) => slot === 1);
    expect([next.state(0), next.state(1), next.count(0), next.count(1)]).toEqual([0, RowState.active, 0, 1]);
    expect([matching(next, 'a'), usedCount(next.slab)]).toEqual([['1 1'], 1]);
    expect(create(next, 'b')).toBe(0);
  });

  it('takes no slot for a filter that never was one', () => {
    const { table, adopt } = setUp();
    create(table, 'a');
    expect(table.slab.rows.subscriber[1]).toBe(0);
    const { next } = adopt();
    expect([next.chunks().length, usedCount(next.slab), create(next, 'b')]).toEqual([1, 1, 1]);
  });
});

const prefix = fc.constantFrom('', 'a', 'ab', 'abc', 'b');
const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('create' as const), prefix, subscriber: fc.nat(2) }) },
  fc.record({ do: fc.constant('remove' as const), prefix, subscriber: fc.nat(2) }),
  fc.record({ do: fc.constant('adopt' as const) }),
);

it('shows after every random operation what a plain list shows', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
      const { table, adopt } = setUp();
      let now = table;
      const model = new Map<string, { subscriber: number; prefix: string }>();
      for (const op of operations) {
        if (op.do === 'adopt') now = adopt().next;
        else {
          const key = `${op.subscriber} ${op.prefix}`;
          const slot = now.find(op.subscriber, op.prefix);
          expect(slot >= 0).toBe(model.has(key));
          if (op.do === 'remove' && slot >= 0) {
            now.remove(slot);
            model.delete(key);
          } else if (op.do === 'create' && slot < 0 && create(now, op.prefix, op.subscriber) >= 0)
            model.set(key, op);
        }
        const all = [...model.values()];
        expect(usedCount(now.slab)).toBe(all.length);
        expect(new Set(now.prefixes())).toEqual(new Set(all.map((one) => one.prefix)));
        for (const subscriber of [0, 1, 2]) {
          const own = all.filter((one) => one.subscriber === subscriber).map((one) => one.prefix);
          const shown = now.ofSubscriber(subscriber).map((slot) => now.prefix(slot));
          expect([now.count(subscriber), shown.sort()]).toEqual([own.length, own.sort()]);
        }
        for (const id of ['a', 'abc', 'abd', 'b', 'c'])
          expect(matching(now, id)).toHaveLength(all.filter((one) => id.startsWith(one.prefix)).length);
      }
    }),
    { numRuns: runs(50) },
  );
});
