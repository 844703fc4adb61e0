/** What is under way for filters: whose turn it is, what goes on, and what ends with a session. */
import { describe, expect, it } from 'vitest';
import { PatternSet } from '../../src/access/pattern-set.ts';
import { AccessRules } from '../../src/access/rules.ts';
import { DEVICES_PER_SLICE } from '../../src/limits.ts';
import { SLICE_SLOTS } from '../../src/owner/filter-jobs.ts';
import { Unfinished } from '../../src/owner/filter-table.ts';
import { RowState, type RowStateName } from '../../src/presence/lifecycle.ts';
import { ENTRY_BYTES, RowsHarness, type RowsOptions, type Told } from './rows-harness.ts';

/** Connected subscribers, and devices that were there; a page brings one of them. */
function setUp(subscribers: readonly string[] = ['s'], options: RowsOptions = {}) {
  const hub = new RowsHarness({ pageBytes: ENTRY_BYTES, ...options });
  const sessions = subscribers.map((subscriber, edge) => hub.connect(subscriber, { edge: edge % 2 }));
  for (const id of ['dev-1', 'dev-2', 'dev-3']) hub.device(id);
  return { hub, sessions, session: sessions[0]!, slot: hub.subscriber('s') };
}

/** Pages as `filter: devices`, answers as their filters. */
const said = (told: readonly Told[]): string[] =>
  told.map((one) => {
    if ('page' in one) return `${one.page}: ${one.devices}${one.more ? ' …' : ''}`;
    return 'answer' in one ? `answer ${one.filters}` : 'other';
  });

describe('what sessions have asked for', () => {
  it('is done two slices a step, in turn', () => {
    const { hub, sessions } = setUp(['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c']) hub.ask(name, 'subscribe', ['x*']);
    expect(hub.filters.isBusy()).toBe(true);
    const answered = (): string[][] => sessions.map((session) => said(hub.told(session)));
    const rounds = Array.from({ length: 5 }, () => [hub.filters.step(), ...answered()]);
    // Each looks through the table, answers, and sends its page.
    expect(rounds).toEqual([
      [2, [], [], []],
      [2, ['answer x* 0'], [], []],
      [2, [], ['answer x* 0'], ['answer x* 0']],
      [2, ['x*: '], ['x*: '], []],
      [1, [], [], ['x*: ']],
    ]);
    expect([hub.filters.step(), hub.filters.hasReady, hub.filters.isBusy()]).toEqual([0, false, false]);
  });

  it('is done a slice a step while a search goes on', () => {
    const { hub, sessions } = setUp(['a', 'b'], { capacity: { devices: 3 * SLICE_SLOTS } });
    for (let n = 0; n < 2 * SLICE_SLOTS; n++) hub.device(`y-${n}`);
    hub.filters.rescan(new AccessRules([{ device: '*', subscriber: '*', access: 'deny' }]));
    for (const name of ['a', 'b']) hub.ask(name, 'unsubscribe', ['x*']); // in two slices each
    expect(hub.filters.step()).toBe(2);
    expect(sessions.map((session) => said(hub.told(session)))).toEqual([['answer '], []]);
  });

  it('waits while the session’s edge is behind, and others have their turn', () => {
    const { hub, sessions } = setUp(['a', 'b']);
    for (const name of ['a', 'b']) hub.ask(name, 'subscribe', ['x*']);
    hub.behind.add(0);
    for (let steps = 0; steps < 3; steps++) hub.filters.step();
    expect(sessions.map((session) => said(hub.told(session)))).toEqual([[], ['answer x* 0', 'x*: ']]);
    expect([hub.filters.step(), hub.filters.hasReady]).toEqual([0, true]);
    expect(sessions.map((session) => hub.filters.isBusy(session))).toEqual([true, false]);
    hub.behind.clear();
    hub.settle();
    expect(said(hub.told(sessions[0]!))).toEqual(['answer x* 0', 'x*: ']);
    expect(hub.filters.isBusy()).toBe(false);
  });

  it('is done one after the other for each session, pages before what was asked next', () => {
    const { hub, session } = setUp();
    hub.ask('s', 'subscribe', ['dev-1*', 'dev-2*']);
    hub.ask('s', 'subscribe', ['dev-3*']);
    hub.settle();
    expect(said(hub.frames(session))).toEqual([
      'answer dev-1* 1,dev-2* 1',
      'dev-1*: dev-1 active',
      'dev-2*: dev-2 active',
      'answer dev-3* 1',
      'dev-3*: dev-3 active',
    ]);
  });

  it('goes on with the page that its peer has read, and with no other word', () => {
    const { hub, session } = setUp();
    hub.ask('s', 'subscribe', ['dev-*']);
    hub.settle();
    expect(said(hub.frames(session))).toEqual(['answer dev-* 3', 'dev-*: dev-1 active …']);
    const [page] = hub.pages.splice(0);
    expect([hub.filters.hasReady, hub.filters.isBusy(session)]).toEqual([false, true]);
    hub.filters.more(session, page! + 1);
    hub.filters.more(session + 64, page!);
    expect(hub.frames(session)).toEqual([]);
    for (const rest of ['dev-*: dev-2 active …', 'dev-*: dev-3 active']) {
      hub.filters.more(session, page!);
      expect(said(hub.frames(session))).toEqual([rest]);
    }
    hub.filters.more(session, page!);
    expect(hub.frames(session)).toEqual([]);
  });

  it('takes no word for a page that does not wait for one', () => {
    const { hub, session } = setUp(['s', 'other'], {
      pageBytes: 64 * 1024,
      capacity: { devices: 200, subscriptions: 400 },
    });
    for (let n = 0; n <= DEVICES_PER_SLICE; n++) hub.device(`x-${n}`);
    for (const name of ['s', 'other']) hub.ask(name, 'subscribe', ['x-*']);
    while (hub.pages.length === 0) hub.filters.step();
    expect(hub.frames(session).at(-1)).toMatchObject({ more: true, waits: false });
    hub.filters.more(session, hub.pages[0]!);
    expect(hub.frames(session)).toEqual([]);
    hub.settle();
    expect(hub.frames(session)).toMatchObject([{ devices: { length: 1 }, more: false }]);
  });

  it('ends with the session: nothing more is told or done', () => {
    const { hub, session } = setUp();
    hub.ask('s', 'subscribe', ['dev-*']);
    hub.settle();
    hub.told(session);
    expect(hub.registry.reservedRows).toBe(2);
    hub.filters.sessionOver(session);
    hub.filters.sessionOver(session);
    hub.filters.more(session, hub.pages[0]!);
    expect([hub.settle(), hub.told(session), hub.filters.isBusy()]).toEqual([0, [], false]);
    expect(hub.registry.reservedRows).toBe(0);
  });

  it('ends with the session also when a filter was just looked for', () => {
    const { hub, sessions } = setUp(['a', 'b']);
    for (const name of ['a', 'b']) hub.ask(name, 'subscribe', ['dev-*']);
    hub.filters.step(); // one slice of each
    hub.filters.sessionOver(sessions[0]!);
    hub.settle();
    expect([said(hub.told(sessions[0]!)), hub.filters.isBusy(sessions[0])]).toEqual([[], false]);
    expect(hub.registry.reservedRows).toBe(2); // of the other, whose first page waits
  });

  it('ends with the session before its turn comes', () => {
    const { hub, session } = setUp();
    hub.ask('s', 'subscribe', ['dev-*']);
    expect(hub.filters.hasReady).toBe(true);
    hub.filters.sessionOver(session);
    expect([hub.filters.hasReady, hub.filters.step()]).toEqual([false, 0]);
  });
});

describe('a filter that is unfinished', () => {
  const unfinished = (hub: RowsHarness): number | undefined =>
    hub.registry.filters.slab.rows.unfinished[hub.registry.filters.find(hub.subscriber('s'), 'dev-')];

  it('is finished with the last of its pages, however many have been started', () => {
    const { hub, session, slot } = setUp(['s'], { pageBytes: 2 * ENTRY_BYTES });
    hub.ask('s', 'subscribe', ['dev-*']);
    hub.settle();
    const filter = hub.registry.filters.find(slot, 'dev-');
    hub.filters.restart(slot, session, [{ filter: 'dev-*', value: RowState.active }], 'activity');
    const [page] = hub.pages.splice(0);
    hub.filters.more(session, page!);
    expect(unfinished(hub)).toBe(Unfinished.pages);
    hub.settle();
    for (const next of hub.pages.splice(0)) hub.filters.more(session, next);
    expect(unfinished(hub)).toBe(0);
    expect(hub.registry.filters.find(slot, 'dev-')).toBe(filter);
  });

  it('is not finished by pages of one that had its slot before', () => {
    const { hub, session, slot } = setUp();
    hub.ask('s', 'subscribe', ['dev-*']);
    hub.settle();
    hub.filters.removeAll(slot);
    const next = hub.filter('x*', 's');
    hub.registry.filters.begin(next, Unfinished.pages);
    hub.filters.more(session, hub.pages[0]!);
    expect(hub.registry.filters.isUnfinished(next)).toBe(true);
  });

  it('gets what it is missing when it is active again', () => {
    const { hub, session, slot } = setUp(['s'], { pageBytes: 64 * ENTRY_BYTES });
    const filter = hub.filter('dev-*', 's');
    hub.row('dev-1', 's', 'disconnected', { filtered: true });
    const back = [{ filter: 'dev-*', value: RowState.active }];
    hub.filters.restart(slot, session, back, 'reconnect');
    hub.settle();
    expect(said(hub.frames(session))).toEqual(['dev-*: dev-1 active']);
    hub.registry.filters.begin(filter, Unfinished.pages);
    hub.filters.restart(slot, session, back, 'reconnect');
    hub.settle();
    expect(said(hub.frames(session))).toEqual(['dev-*: dev-1 active,dev-2 active,dev-3 active']);
    expect(unfinished(hub)).toBe(0);
  });

  it.each([
    ['covers more', undefined],
    ['covers the same', ['dev-*', 'x']],
  ] as const)('is so by rules until all was looked for, where the token %s', (_, devices) => {
    const { hub, slot } = setUp();
    hub.connect('s', { devices: ['dev-*', 'x'] });
    hub.scopes.useForFilters(slot);
    const session = hub.connect('s', devices === undefined ? {} : { devices });
    hub.ask('s', 'subscribe', ['dev-*']);
    hub.settle(); // the first page waits for its reader
    hub.registry.filters.begin(hub.registry.filters.find(slot, 'dev-'), Unfinished.rules);
    hub.filters.restart(slot, session, [{ filter: 'dev-*', value: RowState.active }], 'activity');
    for (let pages = 0; pages < 9; pages++) {
      for (const page of hub.pages.splice(0)) hub.filters.more(session, page);
      hub.settle();
    }
    expect([hub.filters.isBusy(), unfinished(hub)]).toEqual([false, Unfinished.rules]);
  });

  it('gets it also while another filter’s pages are on their way', () => {
    const { hub, session, slot } = setUp();
    for (const id of ['x-1', 'x-2']) hub.device(id);
    hub.ask('s', 'subscribe', ['x-*']);
    hub.settle();
    hub.told(session);
    hub.registry.filters.begin(hub.filter('dev-*', 's'), Unfinished.pages);
    hub.filters.restart(slot, session, [{ filter: 'dev-*', value: RowState.active }], 'activity');
    for (let pages = 0; pages < 9; pages++) {
      for (const page of hub.pages.splice(0)) hub.filters.more(session, page);
      hub.settle();
    }
    expect(hub.states('s').filter((line) => line.startsWith('dev-'))).toHaveLength(3);
  });

  it('gets it by the pages that are on their way already: nothing is looked for again', () => {
    const { hub, session, slot } = setUp();
    hub.ask('s', 'subscribe', ['dev-*']);
    hub.settle();
    hub.told(session);
    hub.filters.restart(slot, session, [{ filter: 'dev-*', value: RowState.active }], 'activity');
    for (let pages = 0; pages < 9; pages++) {
      for (const page of hub.pages.splice(0)) hub.filters.more(session, page);
      hub.settle();
    }
    const named = said(hub.frames(session)).join(' ');
    expect(named.match(/dev-3 active/g)).toHaveLength(1);
  });
});

describe('filters that are active again', () => {
  it('are those that exist and are active', () => {
    const { hub, session, slot } = setUp();
    hub.filter('dev-*', 's', 'paused');
    hub.filters.restart(
      slot,
      session,
      [
        { filter: 'dev-*', value: RowState.paused },
        { filter: 'gone*', value: RowState.active },
      ],
      'reconnect',
    );
    expect([hub.filters.isBusy(), hub.told(session)]).toEqual([false, []]);
  });

  it('gather their devices in slices, without being asked to go on', () => {
    const count = SLICE_SLOTS + 1;
    const { hub, session, slot } = setUp(['s'], { capacity: { devices: count + 3, subscriptions: count } });
    hub.filter('x*', 's');
    for (let n = 0; n < count; n++) hub.row(`d-${n}`, 's', 'disconnected', { filtered: true });
    hub.filters.restart(slot, session, [{ filter: 'x*', value: RowState.active }], 'reconnect');
    expect([hub.told(session), hub.filters.hasReady]).toEqual([[], true]);
    hub.settle();
    expect(said(hub.told(session))).toEqual(['x*: ']);
  });
});

describe('filters of an owner that has died', () => {
  const recovering = (filterState: RowStateName, ...rows: RowStateName[]) => {
    const { hub, session, slot } = setUp(['s'], { pageBytes: 64 * ENTRY_BYTES });
    const filter = hub.filter('dev-*', 's', filterState);
    for (const [at, state] of rows.entries()) hub.row(`dev-${at + 1}`, 's', state, { filtered: true });
    return {
      hub,
      filter,
      /** @returns the pages that came */
      recover: (): string[] => {
        hub.filters.recover(slot, session);
        hub.settle();
        return said(hub.frames(session));
      },
    };
  };

  it('bring the devices that were still to be active again', () => {
    const { recover } = recovering('active', 'active', 'disconnected', 'paused');
    expect(recover()).toEqual(['dev-*: dev-2 active']);
  });

  it('bring none where all are', () => {
    expect(recovering('active', 'active', 'paused').recover()).toEqual([]);
  });

  it('bring what they were missing when they were unfinished', () => {
    const { hub, filter, recover } = recovering('active', 'active');
    hub.registry.filters.begin(filter, Unfinished.rules);
    expect(recover()).toEqual(['dev-*: dev-2 active,dev-3 active']);
    expect(hub.registry.filters.isUnfinished(filter)).toBe(false);
  });

  it('look once for what rules have left undone, and not while others are being obeyed', () => {
    for (const areChanging of [false, true]) {
      const { hub, session, slot } = setUp();
      const filter = hub.filter('dev-*', 's');
      hub.registry.filters.begin(filter, Unfinished.rules);
      if (areChanging) hub.filters.rulesChange();
      hub.filters.restart(slot, session, [{ filter: 'dev-*', value: RowState.active }], 'reconnect');
      for (let pages = 0; pages < 9; pages++) {
        for (const page of hub.pages.splice(0)) hub.filters.more(session, page);
        hub.settle();
      }
      expect(hub.registry.filters.isUnfinished(filter)).toBe(areChanging);
    }
  });

  it('take along what they alone had followed, where it had begun to unsubscribe from them', () => {
    const { hub, session, slot } = setUp(['s'], { access: 'deny' });
    hub.filter('x*', 's');
    for (const id of ['dev-1', 'x-1']) hub.row(id, 's', 'active', { filtered: true });
    hub.row('dev-2', 's', 'active', { filtered: true, granted: true }); // the grant outlives it
    hub.row('dev-3', 's', 'active');
    hub.filters.recover(slot, session);
    expect(hub.states('s')).toEqual(['dev-2 allow', 'dev-3 active', 'x-1 active']);
    expect(hub.told(session)).toEqual([{ detach: 'dev-2' }, { detach: 'dev-1' }]);
  });

  it('bring nothing where they are not active', () => {
    const { hub, filter, recover } = recovering('paused', 'paused', 'disconnected');
    hub.registry.filters.begin(filter, Unfinished.pages);
    expect(recover()).toEqual([]);
    expect(hub.states('s')).toEqual(['dev-1 paused', 'dev-2 disconnected']);
  });
});

describe('an input to all filters of a subscriber', () => {
  const entries = (hub: RowsHarness, input: Parameters<typeof hub.filters.input>[1]): string[] =>
    hub.filters.input(hub.subscriber('s'), input).map(({ filter, value }) => `${filter} ${value}`);

  it('changes some, and returns those', () => {
    const { hub } = setUp();
    for (const state of ['paused', 'silent', 'active', 'disconnected'] as const)
      hub.filter(`${state}*`, 's', state);
    hub.filter('active*', 'other');
    expect(entries(hub, 'activity')).toEqual(['silent* 2']);
    expect(entries(hub, 'silence').sort()).toEqual([
      `active* ${RowState.silent}`,
      `silent* ${RowState.silent}`,
    ]);
    expect(entries(hub, 'expire')).toHaveLength(4);
    expect([hub.filterStates('s'), hub.filterStates('other')]).toEqual([[], ['active* active']]);
  });

  it('resume returns also those that are active: what is beneath them may be paused', () => {
    const { hub } = setUp();
    for (const state of ['paused', 'active', 'disconnected'] as const) hub.filter(`${state}*`, 's', state);
    expect(entries(hub, 'resume').sort()).toEqual(['active* 2', 'paused* 2']);
  });

  it('changes nothing where there is none', () => {
    const { hub } = setUp();
    expect(entries(hub, 'silence')).toEqual([]);
  });
});

describe('filters and a token', () => {
  it('go where it lets them match nothing any more, and are returned', () => {
    const { hub, slot } = setUp();
    const token = (devices?: readonly string[]) => {
      const covered = devices && new PatternSet(devices);
      const actor = { role: 'subscriber', id: 's', devices: covered, vip: false } as const;
      hub.scopes.set(slot, actor);
      return hub.filters.removeUncovered(slot, actor);
    };
    for (const filter of ['dev-*', 'x*']) hub.filter(filter, 's');
    expect(token()).toEqual([]);
    expect(token(['dev-1', 'y'])).toEqual([{ filter: 'x*', value: RowState.none }]);
    expect(hub.filterStates('s')).toEqual(['dev-* active']);
    expect(token([])).toEqual([{ filter: 'dev-*', value: RowState.none }]);
    expect(token([])).toEqual([]);
  });
});
