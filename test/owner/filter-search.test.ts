/** Devices that filters come to follow by other rules, or that another node’s match: looked for in slices. */
import { describe, expect, it, vi } from 'vitest';
import { AccessRules } from '../../src/access/rules.ts';
import { SLICE_CHANGES, SLICE_SLOTS } from '../../src/owner/filter-jobs.ts';
import { Unfinished } from '../../src/owner/filter-table.ts';
import { RowState, type RowStateName } from '../../src/presence/lifecycle.ts';
import { RowsHarness, type RowsOptions } from './rows-harness.ts';

const deny = (device: string, subscriber = '*') => ({ device, subscriber, access: 'deny' }) as const;
const all = new AccessRules([deny('*')]);

/** A connected subscriber with the filter `dev-*`. */
function setUp(options: RowsOptions = {}, state: RowStateName = 'active') {
  const hub = new RowsHarness(options);
  const session = hub.connect('s');
  const filter = hub.filter('dev-*', 's', state);
  /** Devices that the subscriber was told of in pages. */
  const told = (): string[] =>
    hub
      .frames(session)
      .flatMap((one) => ('page' in one ? one.devices.map((name) => name.split(' ')[0]!) : []));
  return { hub, session, filter, told };
}

const devices = (hub: RowsHarness, count: number): string[] =>
  Array.from({ length: count }, (_, n) => hub.registry.deviceId(hub.device(`dev-${n + 1}`)));

/** Capacity for so many devices, each with a row. */
const room = (count: number): RowsOptions => ({
  capacity: { devices: count, subscriptions: count },
  rowsMax: count,
});

/** The session's peer reads each page that comes. */
function readAll(hub: RowsHarness, session: number): void {
  hub.settle();
  for (let page = hub.pages.pop(); page !== undefined; page = hub.pages.pop()) {
    hub.pages.length = 0;
    hub.filters.more(session, page);
    hub.settle();
  }
}

/** A search that takes two slices: the last devices of the table are looked at with the second. */
function begun(state: RowStateName = 'active') {
  const count = SLICE_SLOTS + 10;
  const bench = setUp(room(count), state);
  const ids = devices(bench.hub, count);
  bench.hub.filters.rulesChange();
  bench.hub.filters.rescan(all);
  return { ...bench, ids, last: ids.at(-1)! };
}

describe('the devices that filters may follow by other rules', () => {
  it('are those that the rules before denied', () => {
    const { hub, told } = setUp();
    devices(hub, 2);
    hub.filters.rescan(new AccessRules([deny('dev-2', 's')]));
    hub.settle();
    expect(told()).toEqual(['dev-2']);
  });

  it('are none that has a row, is denied, or has never been there', () => {
    const { hub, session } = setUp({ rules: [deny('dev-2', 't')] });
    devices(hub, 2);
    hub.row('dev-2', 's', 'paused');
    const other = hub.connect('t');
    hub.filter('dev-*', 't');
    hub.device('dev-unknown', false);
    hub.filters.rescan(all);
    hub.settle();
    expect([hub.states('s'), hub.states('t')]).toEqual([['dev-1 active', 'dev-2 paused'], ['dev-1 active']]);
    for (const one of [session, other])
      expect(hub.frames(one)).toMatchObject([{ devices: ['dev-1 active'] }]);
  });

  it('are none where nothing was denied before', () => {
    const { hub, told } = setUp();
    devices(hub, 1);
    hub.filters.rescan(new AccessRules([]));
    hub.settle();
    expect(told()).toEqual([]);
    const denied = setUp({ access: 'deny', rules: [{ device: '*', subscriber: '*', access: 'allow' }] });
    devices(denied.hub, 1);
    denied.hub.filters.rescan(new AccessRules([]));
    denied.hub.settle();
    expect(denied.told()).toEqual(['dev-1']);
  });

  it('are not looked for where nothing was denied before', () => {
    const { hub, filter } = setUp(room(SLICE_SLOTS));
    devices(hub, SLICE_SLOTS);
    hub.filters.rulesChange();
    hub.filters.rescan(new AccessRules([]));
    expect([hub.filters.isBusy(), hub.registry.filters.isUnfinished(filter)]).toEqual([false, false]);
  });

  it('are none that has never been there, where the filter is paused, either', () => {
    const { hub } = setUp({}, 'paused');
    devices(hub, 1);
    hub.device('dev-unknown', false);
    hub.filters.rescan(all);
    hub.settle();
    expect(hub.states('s')).toEqual(['dev-1 paused']);
  });

  it('come to each filter in its turn, in the order of the table', () => {
    const { hub, session } = setUp();
    hub.filter('x*', 's');
    for (const id of ['x-1', 'dev-1', 'dev-2', 'x-2']) hub.device(id);
    hub.filters.rescan(all);
    hub.settle();
    expect(hub.frames(session)).toMatchObject([
      { page: 'x*', devices: ['x-1 active', 'x-2 active'], more: false },
      { page: 'dev-*', devices: ['dev-1 active', 'dev-2 active'], more: false },
    ]);
  });
});

describe('a search that is large', () => {
  it('looks at no more pairs in a step than a slice may', () => {
    const filters = 100;
    const { hub } = setUp({ capacity: { devices: 100, subscribers: filters + 2, filters: filters + 2 } });
    devices(hub, 100);
    for (let n = 0; n < filters; n++) hub.filter('*', `paused-${n}`, 'paused');
    const looks = vi.spyOn(hub.registry, 'findRow');
    hub.filters.rescan(all);
    let steps = 0;
    for (let done = 1; done > 0 || hub.filters.hasReady; steps++) {
      expect(looks.mock.calls.length).toBeLessThanOrEqual(2 * SLICE_SLOTS);
      looks.mockClear();
      done = hub.filters.step();
    }
    expect(steps).toBeGreaterThan(3);
  });

  it('looks at no more devices in a step than a slice may, though no filter matches them', () => {
    const { hub } = setUp(room(SLICE_SLOTS));
    for (let n = 0; n < SLICE_SLOTS; n++) hub.device(`x-${n}`);
    hub.filters.rescan(all);
    expect(hub.filters.isBusy()).toBe(true);
  });

  it('makes about as many rows in a step as a slice may change at half the price', () => {
    const { hub } = begun('paused');
    const made = hub.states('s').length;
    expect(made).toBeGreaterThan(SLICE_CHANGES / 2);
    expect(made).toBeLessThan(SLICE_CHANGES);
  });

  it('takes a device that another has the place of for nobody', () => {
    const { hub } = setUp({ capacity: { devices: SLICE_SLOTS } });
    hub.filter('d*', 't', 'paused');
    for (let n = 2; n < SLICE_SLOTS; n++) hub.device(`x-${n}`);
    const device = hub.device('dev-1');
    hub.filters.rescan(new AccessRules([deny('dev-1', 't')]));
    expect(hub.filters.isBusy()).toBe(true); // the other filter that matches comes with the next slice
    hub.free('dev-1');
    expect(hub.device('d-other')).toBe(device); // which nothing denied
    hub.settle();
    expect(hub.states('t')).toEqual([]);
  });

  it('goes on with each step, and tells all in the order of the table', () => {
    const { hub, session, filter, told, ids, last } = begun();
    expect([hub.filters.hasReady, hub.filters.isBusy(), hub.state(last, 's')]).toEqual([
      true,
      true,
      undefined,
    ]);
    expect(hub.registry.filters.isUnfinished(filter)).toBe(true);
    readAll(hub, session);
    expect(told()).toEqual(ids);
    expect([hub.filters.hasReady, hub.registry.filters.isUnfinished(filter)]).toEqual([false, false]);
  });

  it('gives a paused filter its rows as it finds them', () => {
    const { hub, last } = begun('paused');
    expect([hub.state('dev-1', 's'), hub.state(last, 's')]).toEqual(['paused', undefined]);
    hub.settle();
    expect(hub.state(last, 's')).toBe('paused');
  });

  it('brings no row back that an operator has removed meanwhile', () => {
    for (const state of ['active', 'paused'] as const) {
      const { hub, last } = begun(state);
      for (const id of ['dev-1', last]) hub.filters.removed(hub.subscriber('s'), hub.device(id));
      const made = hub.rowOf('dev-1', 's');
      expect(made >= 0).toBe(state === 'paused');
      if (made >= 0) hub.registry.removeRow(made);
      hub.settle();
      expect([hub.state('dev-1', 's'), hub.state(last, 's')]).toEqual([undefined, undefined]);
      expect(hub.state('dev-2', 's')).toBe(state);
    }
  });

  it('leaves paused what was paused since it was found', () => {
    const { hub } = begun();
    hub.row('dev-2', 's', 'paused');
    hub.settle();
    expect([hub.state('dev-1', 's'), hub.state('dev-2', 's')]).toEqual(['active', 'paused']);
  });

  it('ends with the filter, and with what has its place', () => {
    for (const again of [undefined, 'x*']) {
      const { hub, filter, told } = begun();
      hub.registry.filters.remove(filter);
      if (again !== undefined) hub.filter(again, 's');
      hub.settle();
      expect([told(), hub.states('s'), hub.filters.isBusy()]).toEqual([[], [], false]);
    }
  });

  it('brings a filter that has its place what that may follow of what is left', () => {
    const { hub, session, filter, told } = begun();
    hub.registry.filters.remove(filter);
    expect(hub.filter('dev-205*', 's')).toBe(filter);
    readAll(hub, session);
    expect(told()).toEqual(Array.from({ length: 9 }, (_, n) => `dev-${2050 + n}`));
  });

  it('gives rows without a word where its subscriber has gone since, some with each step', () => {
    const { hub, told, ids } = begun();
    hub.filters.step();
    hub.disconnect('s');
    const counts = [0];
    while (hub.filters.step() > 0) counts.push(hub.states('s').length);
    expect([told(), counts.at(-1)]).toEqual([[], ids.length]);
    const most = Math.max(...counts.slice(1).map((count, at) => count - counts[at]!));
    expect(most).toBeLessThanOrEqual(SLICE_CHANGES + 10); // those of the last slice of the search among them
  });

  it('takes its turn behind one that is under way', () => {
    const { hub, last, filter } = begun('paused');
    hub.filters.rulesChange();
    const looks = vi.spyOn(hub.registry, 'findRow');
    hub.filters.rescan(all);
    expect(looks).not.toHaveBeenCalled();
    hub.filters.rulesChange();
    hub.settle();
    expect([hub.state(last, 's'), hub.filters.hasReady]).toEqual(['paused', false]);
    // Rows are still being removed by the rules that came last.
    expect(hub.registry.filters.slab.rows.unfinished[filter]).toBe(Unfinished.rules);
  });
});

describe('filters that another node kept', () => {
  it('are looked for in slices, and unfinished until all was found', () => {
    const count = SLICE_SLOTS + 1;
    const { hub, filter } = setUp(room(count), 'disconnected');
    const last = devices(hub, count).at(-1)!;
    hub.filters.rescanOf(hub.subscriber('s'));
    expect([hub.state('dev-1', 's'), hub.state(last, 's')]).toEqual(['disconnected', undefined]);
    expect(hub.registry.filters.isUnfinished(filter)).toBe(true);
    hub.settle();
    expect(hub.state(last, 's')).toBe('disconnected');
    expect(hub.registry.filters.isUnfinished(filter)).toBe(false);
  });

  it('are looked at no more often in a step than a slice may, however many they are', () => {
    const hub = new RowsHarness({ capacity: { devices: 100, subscribers: 2, filters: 100 } });
    devices(hub, 100);
    for (let n = 0; n < 100; n++) hub.filter(`x${n}-*`, 's', 'disconnected');
    const looks = vi.spyOn(hub.registry.filters, 'prefix');
    hub.filters.rescanOf(hub.subscriber('s'));
    let steps = 0;
    for (; hub.filters.hasReady; steps++) {
      expect(looks.mock.calls.length).toBeLessThanOrEqual(2 * SLICE_SLOTS);
      looks.mockClear();
      hub.filters.step();
    }
    expect(steps).toBeGreaterThan(3);
  });

  it('stay unfinished where they were active while they were looked for', () => {
    const count = 2 * SLICE_SLOTS;
    const { hub, filter } = setUp(room(count), 'disconnected');
    devices(hub, count);
    hub.filters.rescanOf(hub.subscriber('s'));
    hub.registry.filters.setState(filter, RowState.active);
    hub.filters.step();
    hub.registry.filters.setState(filter, RowState.disconnected);
    hub.settle();
    expect(hub.registry.filters.isUnfinished(filter)).toBe(true);
  });

  it('are followed no further once they are given up', () => {
    const count = SLICE_SLOTS + 1;
    const { hub, filter } = setUp(room(count), 'disconnected');
    const last = devices(hub, count).at(-1)!;
    hub.filters.rescanOf(hub.subscriber('s'));
    hub.registry.filters.remove(filter);
    hub.settle();
    expect([hub.rowOf('dev-1', 's') >= 0, hub.rowOf(last, 's')]).toEqual([true, -1]);
  });

  it('leave alone the filter of another subscriber that has their place', () => {
    const count = SLICE_SLOTS + 1;
    const { hub, filter } = setUp(room(count), 'disconnected');
    devices(hub, count);
    hub.filters.rescanOf(hub.subscriber('s'));
    hub.registry.filters.remove(filter);
    expect(hub.filter('dev-*', 't', 'paused')).toBe(filter);
    hub.registry.filters.begin(filter, Unfinished.pages);
    hub.settle();
    expect([hub.states('t'), hub.registry.filters.isUnfinished(filter)]).toEqual([[], true]);
  });

  it('are not looked for where there are none', () => {
    const { hub } = setUp(room(SLICE_SLOTS), 'disconnected');
    devices(hub, SLICE_SLOTS);
    hub.filters.rescanOf(hub.subscriber('t'));
    expect(hub.filters.isBusy()).toBe(false);
  });

  it('look for themselves once they are active', () => {
    const count = SLICE_SLOTS + 1;
    const { hub, session, filter, told } = setUp(room(count), 'disconnected');
    const ids = devices(hub, count);
    const slot = hub.subscriber('s');
    hub.filters.rescanOf(slot);
    hub.filters.restart(slot, session, hub.filters.input(slot, 'reconnect'), 'reconnect');
    readAll(hub, session);
    expect(told().sort()).toEqual([...ids].sort()); // each once
    expect(hub.registry.filters.isUnfinished(filter)).toBe(false);
  });
});
