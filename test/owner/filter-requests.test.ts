import { describe, expect, it, vi } from 'vitest';
import { SLICE_CHANGES, SLICE_SLOTS } from '../../src/owner/filter-jobs.ts';
import type { OpName } from '../../src/records/requests.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { RowsHarness, type RowsOptions, type Told } from './rows-harness.ts';

/** A connected subscriber, and devices that have been there. */
function setUp(ids: readonly string[], options: RowsOptions = {}) {
  const hub = new RowsHarness(options);
  for (const id of ids) hub.device(id);
  const session = hub.connect('s');
  /** @returns the answer */
  const ask = (op: OpName, names?: readonly string[], types = ALL_TYPES) => {
    const request = hub.ask('s', op, names, types);
    hub.settle();
    return answerIn(hub.told(session), request);
  };
  return { hub, session, slot: hub.subscriber('s'), ask };
}

function answerIn(told: readonly Told[], request: number) {
  for (const one of told) if ('answer' in one && one.answer === request) return one;
  throw new Error('it was not answered');
}

const devIds = (count: number): string[] => Array.from({ length: count }, (_, n) => `dev-${n + 1}`);

describe('a subscribe to a filter', () => {
  it('is answered with the number of devices that it follows, which come in its pages', () => {
    const { hub, session } = setUp(['dev-1', 'dev-2', 'x']);
    const request = hub.ask('s', 'subscribe', ['dev-*']);
    expect(hub.told(session)).toEqual([]);
    hub.settle();
    expect(hub.told(session)).toEqual([
      { answer: request, devices: [], refused: [], filters: ['dev-* 2'], more: false },
      { page: 'dev-*', devices: ['dev-1 active', 'dev-2 active'], more: false, waits: false },
      { attach: 'dev-1', types: ALL_TYPES },
      { attach: 'dev-2', types: ALL_TYPES },
    ]);
    expect(hub.filterStates('s')).toEqual(['dev-* active']);
    expect(hub.registry.isFiltered(hub.rowOf('dev-1', 's'))).toBe(true);
  });

  it('counts what is followed already, and nothing that has never been there, has left or is denied', () => {
    const { hub, ask } = setUp(devIds(3), {
      rules: [{ device: 'dev-3', subscriber: '*', access: 'deny' }],
    });
    hub.device('dev-unknown', false);
    hub.device('dev-gone');
    hub.free('dev-gone');
    hub.row('dev-mine', 's', 'active');
    hub.row('dev-denied', 's', 'deny');
    expect(ask('subscribe', ['dev-*']).filters).toEqual(['dev-* 3']);
    expect(hub.states('s')).toEqual(['dev-1 active', 'dev-2 active', 'dev-denied deny', 'dev-mine active']);
  });

  it('follows of what it matches only what the token covers', () => {
    const { hub } = setUp(devIds(3));
    hub.connect('s', { devices: ['dev-2'] });
    hub.ask('s', 'subscribe', ['*']);
    hub.settle();
    expect(hub.states('s')).toEqual(['dev-2 active']);
  });

  it('does each filter once, and the devices that are named beside them', () => {
    const { ask } = setUp(['dev-1', 'e-1']);
    expect(ask('subscribe', ['dev-*', 'e-1', 'e*', 'dev-*'])).toMatchObject({
      devices: ['e-1 active'],
      refused: [],
      filters: ['dev-* 1', 'e* 1'],
    });
  });

  it('replaces the types of the filter, and adds those of what else follows the device', () => {
    const { hub, ask } = setUp(['dev-1']);
    const types = (): number => hub.registry.subscriptions.rows.types[hub.rowOf('dev-1', 's')]!;
    ask('subscribe', ['dev-*'], 1);
    expect(types()).toBe(1);
    ask('subscribe', ['dev-*'], 2);
    expect(types()).toBe(2);
    ask('subscribe', ['d*'], 4);
    expect(types()).toBe(6);
  });

  it('follows every device of a full table by a lone star, and no slot that is free', () => {
    const { hub, ask } = setUp(devIds(3), { capacity: { devices: 3 } });
    hub.free('dev-2');
    expect(ask('subscribe', ['*']).filters).toEqual(['* 2']);
    expect(hub.states('s')).toEqual(['dev-1 active', 'dev-3 active']);
  });

  it('makes a paused filter active again', () => {
    const { hub, ask } = setUp(['dev-1']);
    hub.filter('dev-*', 's', 'paused');
    hub.row('dev-1', 's', 'paused', { filtered: true });
    expect(ask('subscribe', ['dev-*']).filters).toEqual(['dev-* 1']);
    expect([hub.filterStates('s'), hub.states('s')]).toEqual([['dev-* active'], ['dev-1 active']]);
  });

  it('looks through the table in slices, and lets others have their turn', () => {
    const { hub, session } = setUp(
      Array.from({ length: SLICE_SLOTS + 1 }, (_, n) => `x-${n}`),
      { capacity: { devices: SLICE_SLOTS + 1 } },
    );
    hub.ask('s', 'subscribe', ['x-2048*']);
    expect([hub.filters.step(), hub.told(session)]).toEqual([2, []]);
    hub.filters.step();
    expect(hub.told(session)).toMatchObject([{ filters: ['x-2048* 1'] }, { devices: ['x-2048 active'] }, {}]);
  });
});

describe('a filter that is refused', () => {
  it('is one whose token allows nothing that could match; the others are done', () => {
    const { hub } = setUp(['dev-1', 'e-1']);
    const session = hub.connect('s', { devices: ['e*'] });
    const request = hub.ask('s', 'subscribe', ['dev-*', 'e-*', 'd*']);
    hub.settle();
    expect(answerIn(hub.told(session), request)).toMatchObject({
      refused: ['dev-* notCovered', 'd* notCovered'],
      filters: ['e-* 1'],
    });
    expect(hub.filterStates('s')).toEqual(['e-* active']);
  });

  it('is one too many; one that is there already is not', () => {
    const { hub, ask } = setUp(['dev-1'], { filtersMax: 2 });
    expect(ask('subscribe', ['a*', 'b*', 'c*']).refused).toEqual(['c* tooManyFilters']);
    expect(ask('subscribe', ['a*'])).toMatchObject({ refused: [], filters: ['a* 0'] });
    expect(hub.filterStates('s')).toEqual(['a* active', 'b* active']);
  });

  it('is one for which the table of filters has no room', () => {
    const { hub, ask } = setUp(['dev-1'], { capacity: { filters: 2 } });
    hub.filter('x*', 'other');
    expect(ask('subscribe', ['a*', 'b*', 'dev-1'])).toMatchObject({
      devices: ['dev-1 active'],
      refused: ['b* full'],
      filters: ['a* 0'],
    });
  });

  it.each([
    ['its subscriber may have', { rowsMax: 3 }, 'tooMany'],
    ['there are', { capacity: { subscriptions: 3 } }, 'full'],
  ] as const)('is one that needs more rows than %s, and not one that needs as many', (_, options, why) => {
    const { hub, ask } = setUp([...devIds(2), 'e-1', 'e-2', 'e-3'], options);
    hub.row('dev-3', 's', 'active');
    expect(ask('subscribe', ['e*', 'dev-*'])).toMatchObject({ refused: [`e* ${why}`], filters: ['dev-* 3'] });
    expect(hub.states('s')).toEqual(['dev-1 active', 'dev-2 active', 'dev-3 active']);
    expect(hub.filterStates('s')).toEqual(['dev-* active']);
    expect(ask('subscribe', ['dev-*'])).toMatchObject({ refused: [], filters: ['dev-* 3'] });
  });

  it('is left as it was before', () => {
    const { hub, ask } = setUp(devIds(2), { rowsMax: 1 });
    const filter = hub.filter('dev-*', 's', 'paused', 3);
    expect(ask('subscribe', ['dev-*'], 4).refused).toEqual(['dev-* tooMany']);
    expect(hub.filterStates('s')).toEqual(['dev-* paused']);
    expect(hub.registry.filters.slab.rows.types[filter]).toBe(3);
  });

  it.each(['unsubscribe', 'pause', 'resume'] as const)('is one to %s that is not there', (op) => {
    const { ask } = setUp(devIds(1));
    expect(ask(op, ['dev-*'])).toMatchObject({ refused: ['dev-* notSubscribed'], filters: [] });
  });
});

describe('the rows that an answer promises', () => {
  it('are reserved until the pages have made them', () => {
    const { hub, session } = setUp(devIds(2), { capacity: { subscriptions: 4 } });
    hub.row('dev-3', 's', 'active');
    const free = (): number => hub.registry.freeRows;
    hub.ask('s', 'subscribe', ['dev-*']);
    expect(free()).toBe(3);
    hub.filters.step();
    expect(hub.frames(session)).toMatchObject([{ filters: ['dev-* 3'] }]);
    expect([free(), hub.registry.reservedRows]).toEqual([1, 2]);
    hub.settle();
    expect([free(), hub.registry.reservedRows]).toEqual([1, 0]);
  });

  it('are no other’s: the next filter is refused', () => {
    const { hub } = setUp(devIds(2), { capacity: { subscriptions: 3 } });
    const other = hub.connect('other');
    hub.ask('s', 'subscribe', ['dev-*']);
    hub.filters.step();
    const request = hub.ask('other', 'subscribe', ['dev-*']);
    hub.settle();
    expect(answerIn(hub.told(other), request).refused).toEqual(['dev-* full']);
    expect(hub.states('s')).toHaveLength(2);
  });

  it('are to come as long as the filter is unfinished', () => {
    const { hub, session } = setUp(devIds(2));
    hub.ask('s', 'subscribe', ['dev-*']);
    const { filters } = hub.registry;
    const filter = filters.find(hub.subscriber('s'), 'dev-');
    hub.filters.step();
    expect([hub.told(session).length, filters.isUnfinished(filter)]).toEqual([1, true]);
    hub.settle();
    expect(filters.isUnfinished(filter)).toBe(false);
    hub.ask('s', 'pause', ['dev-*']);
    hub.settle();
    hub.ask('s', 'resume', ['dev-*']);
    hub.filters.step();
    expect(filters.isUnfinished(filter)).toBe(false);
  });

  it('are none for what has its row: a resume reserves nothing', () => {
    const { hub, ask } = setUp(devIds(1));
    ask('subscribe', ['dev-*']);
    ask('pause', ['dev-*']);
    hub.ask('s', 'resume', ['dev-*']);
    hub.filters.step();
    expect(hub.registry.reservedRows).toBe(0);
  });
});

/** A subscriber that follows `dev-1` by `dev-*` alone, `dev-2` by id, too, and `dev-3x` by another filter, too. */
function following() {
  const bench = setUp(['e-1', ...devIds(2), 'dev-3x']);
  bench.ask('subscribe', ['e-1', 'dev-2'], 1);
  bench.ask('subscribe', ['dev-3*'], 2);
  bench.ask('subscribe', ['dev-*'], 4);
  return bench;
}

describe('a filter that is paused', () => {
  it('pauses what nothing else follows', () => {
    const { hub, ask } = following();
    hub.row('dev-4', 's', 'deny', { filtered: true });
    expect(ask('pause', ['dev-*'])).toMatchObject({ refused: [], filters: ['dev-* 0'] });
    expect(hub.filterStates('s')).toEqual(['dev-* paused', 'dev-3* active']);
    expect(hub.states('s')).toEqual([
      'dev-1 paused',
      'dev-2 active',
      'dev-3x active',
      'dev-4 deny',
      'e-1 active',
    ]);
    ask('pause', ['dev-3*']);
    expect(hub.state('dev-3x', 's')).toBe('paused');
  });

  it('is paused also when it was silent', () => {
    const { hub, ask } = setUp([]);
    hub.filter('dev-*', 's', 'silent');
    hub.row('dev-1', 's', 'silent', { filtered: true });
    ask('pause', ['dev-*']);
    expect([hub.filterStates('s'), hub.states('s')]).toEqual([['dev-* paused'], ['dev-1 paused']]);
  });
});

describe('a filter that is resumed', () => {
  it('tells how many of its devices are active with it, and they come in its pages', () => {
    const { hub, session } = setUp([]);
    hub.filter('dev-*', 's', 'paused');
    for (const state of ['deny', 'disconnected', 'paused', 'active', 'silent'] as const)
      hub.row(`dev-${state}`, 's', state, { filtered: true });
    hub.row('dev-mine', 's', 'paused');
    hub.row('e', 's', 'paused', { filtered: true });
    hub.ask('s', 'resume', ['dev-*']);
    hub.settle();
    expect(hub.frames(session)).toMatchObject([
      { filters: ['dev-* 3'] },
      { page: 'dev-*', devices: ['dev-silent active', 'dev-active active', 'dev-paused active'] },
    ]);
    expect([hub.state('dev-mine', 's'), hub.state('e', 's')]).toEqual(['paused', 'paused']);
    expect(hub.filterStates('s')).toEqual(['dev-* active']);
  });
});

describe('what a paused filter asks for', () => {
  const types = (hub: RowsHarness, id: string): number =>
    hub.registry.subscriptions.rows.types[hub.rowOf(id, 's')]!;
  /** By id, `dev-own` asks for 1; of the filters, `dev-*` for 2 and `d*` for 4. */
  const followed = () => {
    const { hub, ...rest } = setUp([]);
    hub.filter('dev-*', 's', 'active', 2);
    hub.filter('d*', 's', 'active', 4);
    hub.row('dev-own', 's', 'active', { types: 7, ownTypes: 1 });
    hub.row('dev-f', 's', 'active', { filtered: true, types: 6 });
    const typesNow = () => [types(hub, 'dev-own'), types(hub, 'dev-f')];
    return { hub, typesNow, ...rest };
  };

  it('is not delivered while something else follows the device, and is again when it is resumed', () => {
    const { hub, ask, typesNow } = followed();
    ask('pause', ['d*']);
    expect([typesNow(), hub.states('s')]).toEqual([
      [3, 2],
      ['dev-f active', 'dev-own active'],
    ]);
    ask('resume', ['d*']);
    hub.settle();
    expect(typesNow()).toEqual([7, 6]);
  });

  it('counts of a device that only paused filters follow, should it be resumed by itself', () => {
    const { hub, ask, typesNow } = followed();
    ask('pause', ['d*']);
    ask('pause', ['dev-*']);
    expect([typesNow(), hub.states('s')]).toEqual([
      [1, 6],
      ['dev-f paused', 'dev-own active'],
    ]);
  });

  it('counts neither where everything is paused, and does where everything is resumed', () => {
    const { hub, ask, typesNow } = followed();
    ask('pause');
    expect(typesNow()).toEqual([1, 6]);
    ask('resume');
    hub.settle();
    expect(typesNow()).toEqual([7, 6]);
  });

  it('pauses what nothing else follows any more', () => {
    const { hub, ask } = followed();
    ask('pause', ['d*']);
    ask('unsubscribe', ['dev-*']);
    expect(hub.states('s')).toEqual(['dev-f paused', 'dev-own active']);
  });
});

describe('a filter that is given up', () => {
  it('takes along what nothing else follows, and its types from the rest', () => {
    const { hub, ask } = following();
    const types = (id: string): number => hub.registry.subscriptions.rows.types[hub.rowOf(id, 's')]!;
    expect([types('dev-2'), types('dev-3x')]).toEqual([5, 6]);
    expect(ask('unsubscribe', ['dev-*'])).toMatchObject({ refused: [], filters: ['dev-* 0'] });
    expect(hub.filterStates('s')).toEqual(['dev-3* active']);
    expect(hub.states('s')).toEqual(['dev-2 active', 'dev-3x active', 'e-1 active']);
    expect([types('dev-2'), types('dev-3x')]).toEqual([1, 2]);
    expect(hub.registry.isFiltered(hub.rowOf('dev-2', 's'))).toBe(false);
    expect(hub.registry.isFiltered(hub.rowOf('dev-3x', 's'))).toBe(true);
  });

  it('leaves what operators set: a denial, and an allow without which the pair is denied', () => {
    const { hub, ask } = setUp([], { access: 'deny' });
    hub.filter('dev-*', 's');
    hub.row('dev-1', 's', 'active', { filtered: true, granted: true });
    const denied = hub.row('dev-2', 's', 'deny', { filtered: true });
    hub.registry.setHeld(denied);
    hub.row('dev-3', 's', 'active', { filtered: true });
    ask('unsubscribe', ['dev-*']);
    expect(hub.states('s')).toEqual(['dev-1 allow', 'dev-2 deny']);
    expect(hub.registry.isFiltered(denied)).toBe(false);
  });
});

describe('the rows that a request goes through', () => {
  const count = 2 * SLICE_CHANGES + 1;
  const many = (state: 'active' | 'paused') => {
    const hub = new RowsHarness({ capacity: { devices: count, subscriptions: count } });
    const session = hub.connect('s');
    hub.filter('dev-*', 's', state);
    for (const id of devIds(count)) hub.row(id, 's', state, { filtered: true });
    return { hub, session };
  };

  it.each(['pause', 'unsubscribe'] as const)('are changed a bounded number at a time by %s', (op) => {
    const { hub, session } = many('active');
    hub.ask('s', op, ['dev-*']);
    hub.filters.step();
    expect(hub.states('s').filter((line) => line.endsWith('active'))).toHaveLength(1);
    expect(hub.frames(session)).toEqual([]);
    hub.settle();
    expect(hub.states('s').filter((line) => line.endsWith('active'))).toHaveLength(0);
    expect(hub.frames(session)).toMatchObject([{ filters: ['dev-* 0'] }]);
  });

  it('are only counted by resume, which takes more at a time', () => {
    const { hub, session } = many('paused');
    hub.ask('s', 'resume', ['dev-*']);
    hub.filters.step();
    expect(hub.frames(session)).toMatchObject([{ filters: [`dev-* ${count}`] }]);
  });
});

describe('a request whose session is over', () => {
  it('leaves no new filter, and one that was there as it was', () => {
    const { hub, session } = setUp(devIds(2));
    const filter = hub.filter('d*', 's', 'paused', 3);
    hub.ask('s', 'subscribe', ['dev-*']);
    hub.filters.sessionOver(session);
    hub.ask('s', 'subscribe', ['d*'], 4);
    expect(hub.filterStates('s')).toEqual(['d* active']);
    hub.filters.sessionOver(session);
    expect(hub.filterStates('s')).toEqual(['d* paused']);
    expect(hub.registry.filters.slab.rows.types[filter]).toBe(3);
    expect([hub.settle(), hub.told(session)]).toEqual([0, []]);
  });

  it('ends its walk through the rows', () => {
    const { hub, session } = setUp([], { capacity: { devices: 3000, subscriptions: 3000 } });
    for (let n = 0; n < 3000; n++) hub.row(`dev-${n}`, 's', 'active', { filtered: true });
    hub.filter('dev-*', 's');
    hub.ask('s', 'pause', ['dev-*']);
    hub.filters.step();
    const ended = vi.spyOn(hub.walks, 'cancel');
    hub.filters.sessionOver(session);
    expect(ended).toHaveBeenCalledTimes(1);
  });

  it('leaves a filter alone that is gone already', () => {
    const { hub, session, slot } = setUp(devIds(2));
    hub.ask('s', 'subscribe', ['dev-*']);
    hub.filters.removeAll(slot);
    hub.filters.sessionOver(session);
    expect([hub.filterStates('s'), hub.registry.filters.count(slot)]).toEqual([[], 0]);
  });

  it('gives back the rows that it has reserved', () => {
    const { hub, session } = setUp([...devIds(2), 'e-1']);
    hub.ask('s', 'subscribe', ['dev-*', 'e*']);
    hub.filters.step();
    expect(hub.registry.reservedRows).toBe(2);
    hub.filters.sessionOver(session);
    expect(hub.registry.reservedRows).toBe(0);
    expect(hub.filterStates('s')).toEqual(['dev-* active']);
  });
});
