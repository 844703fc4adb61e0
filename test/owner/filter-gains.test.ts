/** Devices that filters come to follow, one by one and after rules have changed, and those that they lose. */
import { describe, expect, it } from 'vitest';
import { AccessRules } from '../../src/access/rules.ts';
import { SLICE_SLOTS } from '../../src/owner/filter-jobs.ts';
import { Unfinished } from '../../src/owner/filter-table.ts';
import type { RowStateName } from '../../src/presence/lifecycle.ts';
import { ALL_TYPES } from '../../src/wire/events.ts';
import { ENTRY_BYTES, RowsHarness, type RowsOptions } from './rows-harness.ts';

const page = { page: 'dev-*', devices: ['dev-1 active'], more: false, waits: false };
const full = { notice: 'filterFull', devices: [], filters: ['dev-* 0'], more: false };

/** A connected subscriber with the filter `dev-*`. */
function setUp(options: RowsOptions = {}, state: RowStateName = 'active') {
  const hub = new RowsHarness(options);
  const session = hub.connect('s');
  const filter = hub.filter('dev-*', 's', state);
  return { hub, session, filter, slot: hub.subscriber('s') };
}

describe('a device that appears', () => {
  it('is told of with a page of the filter, and delivers from there on', () => {
    const { hub, session } = setUp();
    hub.appear('dev-1');
    hub.appear('x');
    expect(hub.told(session)).toEqual([page, { attach: 'dev-1', types: ALL_TYPES }]);
    expect(hub.states('s')).toEqual(['dev-1 active']);
    expect(hub.registry.isFiltered(hub.rowOf('dev-1', 's'))).toBe(true);
  });

  it.each(['paused', 'silent'] as const)('takes the state of a %s filter, without a word', (state) => {
    const { hub, session } = setUp({}, state);
    hub.appear('dev-1');
    expect([hub.states('s'), hub.told(session)]).toEqual([[`dev-1 ${state}`], []]);
  });

  it.each(['disconnected', 'active'] as const)('is followed for one who is gone: %s', (state) => {
    const { hub, session } = setUp({}, state);
    hub.disconnect('s');
    hub.appear('dev-1');
    expect([hub.states('s'), hub.told(session)]).toEqual([[`dev-1 ${state}`], []]);
  });

  it('is told of by each active filter, delivers once, and what those ask for that are not paused', () => {
    const { hub, session, filter } = setUp();
    hub.registry.filters.slab.rows.types[filter] = 1;
    hub.filter('d*', 's', 'active', 4);
    hub.filter('dev*', 's', 'paused', 8);
    hub.appear('dev-1');
    expect(hub.frames(session)).toEqual([page, { ...page, page: 'd*' }]);
    expect(hub.states('s')).toEqual(['dev-1 active']);
    expect(hub.registry.subscriptions.rows.types[hub.rowOf('dev-1', 's')]).toBe(5);
  });

  it('is told of though it is followed by id, unless that is paused', () => {
    for (const [state, frames] of [
      ['active', [page]],
      ['paused', []],
      ['deny', []],
    ] as const) {
      const { hub, session } = setUp();
      const row = hub.row('dev-1', 's', state, { types: 1 });
      hub.appear('dev-1');
      expect([hub.frames(session), hub.state('dev-1', 's')]).toEqual([frames, state]);
      expect(hub.registry.isFiltered(row)).toBe(false);
      const { types, ownTypes } = hub.registry.subscriptions.rows;
      expect([types[row], ownTypes[row]]).toEqual([state === 'deny' ? 1 : ALL_TYPES, 1]);
    }
  });

  it('is the filter’s where an operator allowed it', () => {
    for (const [state, frames] of [
      ['active', [page]],
      ['paused', []],
    ] as const) {
      const { hub, session } = setUp({ access: 'deny' }, state);
      const row = hub.row('dev-1', 's', 'allow', { granted: true });
      hub.appear('dev-1');
      expect([hub.frames(session), hub.states('s')]).toEqual([frames, [`dev-1 ${state}`]]);
      expect(hub.registry.isFiltered(row)).toBe(true);
    }
  });

  it('is not followed where the subscriber may not', () => {
    const { hub, session } = setUp({ rules: [{ device: 'dev-1', subscriber: '*', access: 'deny' }] });
    hub.appear('dev-1');
    expect([hub.states('s'), hub.told(session)]).toEqual([[], []]);
  });

  it.each([
    ['the subscriber may have no more rows', { rowsMax: 1 }],
    ['there are no more rows', { capacity: { subscriptions: 1 } }],
  ] as const)('is told of as one too many when %s', (_, options) => {
    const { hub, session, filter } = setUp(options);
    hub.row('x', 's', 'active');
    hub.appear('dev-1');
    expect(hub.told(session)).toEqual([full]);
    hub.registry.filters.setState(filter, 3);
    hub.appear('dev-2');
    expect([hub.told(session), hub.states('s')]).toEqual([[], ['x active']]);
  });
});

describe('a device that appears while the filter’s others are on their way', () => {
  const reading = (names: readonly string[]) => {
    const { hub, session } = setUp({ pageBytes: ENTRY_BYTES });
    for (const id of ['dev-1', 'dev-2']) hub.device(id);
    hub.ask('s', 'subscribe', names);
    return { hub, session };
  };
  const read = (hub: RowsHarness, session: number): readonly string[] => {
    for (let pages = 0; pages < 9; pages++) {
      hub.settle();
      for (const name of hub.pages.splice(0)) hub.filters.more(session, name);
    }
    return hub.frames(session).flatMap((one) => ('page' in one ? [`${one.page}: ${one.devices}`] : []));
  };
  const all = ['dev-*: dev-1 active', 'dev-*: dev-2 active', 'dev-*: dev-3 active'];

  it('is one of the last page, for which the filter is unfinished', () => {
    const { hub, session } = reading(['dev-*']);
    hub.settle();
    const { filters } = hub.registry;
    const filter = filters.find(hub.subscriber('s'), 'dev-');
    hub.appear('dev-3');
    expect([hub.state('dev-3', 's'), filters.isUnfinished(filter)]).toEqual([undefined, true]);
    expect(read(hub, session)).toEqual(all);
    expect(filters.isUnfinished(filter)).toBe(false);
  });

  it('is one of theirs also between the answer and the first page', () => {
    const { hub, session } = reading(['x*', 'dev-*', 'y*']);
    for (let steps = 0; steps < 2; steps++) hub.filters.step();
    hub.appear('dev-3');
    expect(read(hub, session)).toEqual(['x*: ', ...all, 'y*: ']);
  });

  it('is counted once, whether the search has passed its place in the table or not', () => {
    const hub = new RowsHarness({ capacity: { devices: SLICE_SLOTS + 1 } });
    const [session] = ['s', 'other'].map((name) => hub.connect(name));
    hub.device('dev-1', false);
    for (let n = 1; n < SLICE_SLOTS; n++) hub.device(`x-${n}`);
    expect(hub.device('dev-2', false)).toBe(SLICE_SLOTS);
    for (const name of ['s', 'other']) hub.ask(name, 'subscribe', ['dev-*']);
    hub.filters.step(); // one slice of each
    for (const id of ['dev-1', 'dev-2']) hub.appear(id);
    hub.settle();
    expect(hub.frames(session!)).toMatchObject([
      { filters: ['dev-* 2'] },
      { devices: ['dev-1 active', 'dev-2 active'] },
    ]);
  });

  it('is told of at once where those are another filter’s', () => {
    const { hub, session } = reading(['dev-*']);
    hub.settle();
    hub.told(session);
    hub.filter('new*', 's');
    hub.appear('new-1');
    expect(hub.frames(session)).toEqual([{ ...page, page: 'new*', devices: ['new-1 active'] }]);
    expect(read(hub, session)).toEqual(['dev-*: dev-2 active']);
  });

  it('is told of at once where another filter was just looked for', () => {
    const hub = new RowsHarness();
    const [session] = ['s', 'other'].map((name) => hub.connect(name));
    for (const name of ['s', 'other']) hub.ask(name, 'subscribe', ['dev-*']);
    hub.filters.step(); // one slice of each
    hub.filter('new*', 's');
    hub.appear('new-1');
    expect(hub.frames(session!)).toEqual([{ ...page, page: 'new*', devices: ['new-1 active'] }]);
  });

  it('is told of at once while the filter’s rows are gone through', () => {
    const { hub, session, slot } = setUp();
    hub.ask('s', 'resume', ['dev-*']);
    expect(hub.filters.isBusy(session)).toBe(true);
    hub.appear('dev-1');
    expect(hub.frames(session)).toEqual([page]);
    expect(hub.registry.subscribers.rows.rowCount[slot]).toBe(1);
  });
});

describe('a device that may be followed again', () => {
  it('is, by filters that match it, and others are told', () => {
    const { hub, session } = setUp();
    const allowed: (number | undefined)[] = [];
    hub.filters.allowed = (device) => allowed.push(device);
    const device = hub.device('dev-1');
    const [other, unknown] = [hub.device('x'), hub.device('dev-2', false)];
    hub.filter('x*', 's');
    for (const one of [device, other, unknown]) hub.filters.rematch(hub.subscriber('s'), one);
    hub.filters.rematch(hub.subscriber('nobody'), device);
    expect(hub.frames(session)).toEqual([page, { ...page, page: 'x*', devices: ['x active'] }]);
    expect(allowed).toEqual([device, other, unknown, device]);
    expect(hub.states('s')).toEqual(['dev-1 active', 'x active']);
  });
});

describe('other access rules', () => {
  const deny = (device: string) => ({ device, subscriber: '*', access: 'deny' }) as const;
  const before = new AccessRules([deny('dev-1')]);

  it('let filters follow what was denied, and bring back nothing that an operator has removed', () => {
    const { hub, session, filter } = setUp();
    for (const id of ['dev-1', 'dev-2']) hub.device(id);
    const allowed: (number | undefined)[] = [];
    hub.filters.allowed = (device) => allowed.push(device);
    hub.filters.rulesChange();
    expect(hub.registry.filters.isUnfinished(filter)).toBe(true);
    hub.filters.rescan(before);
    hub.settle();
    expect(hub.frames(session)).toEqual([page]);
    expect(hub.registry.filters.isUnfinished(filter)).toBe(false);
    expect(allowed).toEqual([undefined]);
  });

  it('give filters that are paused, or whose subscriber is gone, their rows without a word', () => {
    const { hub, session } = setUp({}, 'paused');
    const other = hub.connect('gone');
    hub.filter('dev-*', 'gone', 'disconnected');
    hub.disconnect('gone');
    hub.filter('dev-*', 'lost', 'active');
    hub.device('dev-1');
    hub.filters.rescan(before);
    expect([hub.states('s'), hub.states('gone')]).toEqual([['dev-1 paused'], ['dev-1 disconnected']]);
    expect(hub.states('lost')).toEqual(['dev-1 active']);
    expect([hub.told(session), hub.told(other), hub.filters.isBusy()]).toEqual([[], [], false]);
  });

  it('start nothing where nothing is missing, and pass over filters that are gone', () => {
    const { hub, session, filter } = setUp({ capacity: { filters: 2 } });
    hub.registry.filters.remove(hub.filter('x*', 's'));
    hub.device('x');
    hub.row('dev-1', 's', 'active');
    hub.filters.rulesChange();
    hub.filters.rescan(new AccessRules([deny('*')]));
    expect([hub.filters.isBusy(), hub.told(session), hub.states('s')]).toEqual([false, [], ['dev-1 active']]);
    expect(hub.registry.filters.isUnfinished(filter)).toBe(false);
  });
});

describe('filters that another node kept', () => {
  it('follow all that they match', () => {
    const { hub, session } = setUp();
    hub.filter('x*', 's', 'paused');
    for (const id of ['dev-1', 'x-1', 'y']) hub.device(id);
    hub.filters.rescanOf(hub.subscriber('s'));
    hub.settle();
    expect(hub.frames(session)).toEqual([page]);
    expect(hub.states('s')).toEqual(['dev-1 active', 'x-1 paused']);
  });

  it('are unfinished until their pages were sent', () => {
    const { hub, filter } = setUp({ pageBytes: ENTRY_BYTES });
    for (const id of ['dev-1', 'dev-2']) hub.device(id);
    hub.filters.rescanOf(hub.subscriber('s'));
    expect(hub.registry.filters.slab.rows.unfinished[filter]).toBe(Unfinished.pages);
  });
});

describe('a device that leaves the table', () => {
  it('is told of to those who follow it and are connected, a step later', () => {
    const { hub, session } = setUp();
    const device = hub.appear('dev-1');
    hub.row('dev-1', 'gone', 'disconnected', { filtered: true });
    hub.told(session);
    expect(hub.filters.hasReady).toBe(false);
    hub.filters.deviceGone(device);
    expect([hub.states('s'), hub.states('gone'), hub.filters.hasReady]).toEqual([[], [], true]);
    expect(hub.told(session)).toEqual([{ detach: 'dev-1' }]);
    expect(hub.filters.step()).toBe(1);
    expect(hub.told(session)).toEqual([
      { notice: 'gone', devices: ['dev-1 none'], filters: [], more: false },
    ]);
    expect([hub.filters.hasReady, hub.filters.step()]).toEqual([false, 0]);
  });

  it('is told of to nobody who does not follow it', () => {
    const { hub, session } = setUp();
    hub.filters.deviceGone(hub.device('x'));
    expect([hub.filters.step(), hub.told(session)]).toEqual([0, []]);
  });
});
