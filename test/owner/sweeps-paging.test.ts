/** Sweeps in pages that their reader asks for, and in slices that other work comes between. */
import { describe, expect, it } from 'vitest';
import { DEVICES_PER_PAGE } from '../../src/limits.ts';
import { ROWS_PER_STEP } from '../../src/owner/sweeps.ts';
import { NONE } from '../../src/presence/columns.ts';
import type { RowStateName } from '../../src/presence/lifecycle.ts';
import { Notice } from '../../src/records/replies.ts';
import { ENTRY_BYTES, RowsHarness, type Told } from './rows-harness.ts';

/** Rows of one slice. */
const SLICE_ROWS = 1024;
/** What a slice costs beside its rows. */
const SLICE_COST = 16;

const plain = { devices: [], filters: [], more: false };
const devicesOf = (told: readonly Told[]): readonly string[] =>
  told.flatMap((one) => ('devices' in one ? one.devices : []));

/** A connected subscriber with rows of `d-1`, `d-2` and so on, visited in that order, two to a page. */
function inPages(...states: RowStateName[]) {
  const hub = new RowsHarness({ pageBytes: 2 * ENTRY_BYTES });
  const session = hub.connect('s');
  for (let n = states.length; n > 0; n--) hub.row(`d-${n}`, 's', states[n - 1]!);
  return { hub, session, slot: hub.subscriber('s') };
}

const five = (state: RowStateName): RowStateName[] => Array(5).fill(state);

describe('what a sweep finds that the subscriber may not follow any more', () => {
  it('is named in notices of a thousand devices at most, each when the one before was read', () => {
    const rest = 30;
    const count = 2 * DEVICES_PER_PAGE + rest;
    const hub = new RowsHarness({ capacity: { devices: count, subscriptions: count } });
    for (let n = 0; n < count; n++) hub.row(`d-${n}`, 's', 'disconnected');
    const session = hub.connect('s', { devices: [] });
    const slot = hub.subscriber('s');
    const lost = (): number[] =>
      hub
        .frames(session)
        .flatMap((one) => ('notice' in one && one.notice === 'notCovered' ? [one.devices.length] : []));
    hub.sweeps.reconnect(slot, session);
    for (const size of [DEVICES_PER_PAGE, DEVICES_PER_PAGE, rest]) {
      hub.settle();
      expect(lost()).toEqual([size]);
      hub.sweeps.more(slot, session, 0);
    }
    expect([hub.states('s'), hub.sweeps.isReconnecting(slot)]).toEqual([[], false]);
  });
});

describe('a sweep in pages', () => {
  it('goes on when its peer has read, and is over with the last page', () => {
    const { hub, session, slot } = inPages(...five('disconnected'));
    hub.sweeps.reconnect(slot, session);
    const pages = [hub.frames(session)];
    expect(hub.state('d-3', 's')).toBe('disconnected');
    expect([hub.sweeps.isReconnecting(slot), hub.sweeps.hasReady, hub.settle()]).toEqual([true, false, 0]);
    for (let page = 0; page < 2; page++) {
      expect(hub.swept).toEqual([]);
      hub.sweeps.more(slot, session, 0);
      pages.push(hub.frames(session));
    }
    expect(pages).toEqual([
      [{ joined: 's', vip: false, devices: ['d-1 active', 'd-2 active'], filters: [], more: true }],
      [{ notice: 'resumed', devices: ['d-3 active', 'd-4 active'], filters: [], more: true }],
      [{ notice: 'resumed', devices: ['d-5 active'], filters: [], more: false }],
    ]);
    expect(hub.swept).toEqual([slot]);
    expect(hub.sweeps.isReconnecting(slot)).toBe(false);
  });

  it('answers a request page by page, beside the hub’s own', () => {
    const { hub, session, slot } = inPages(...five('active'));
    const request = hub.ask('s', 'list');
    hub.sweeps.input(slot, 'silence', Notice.silent);
    hub.told(session);
    hub.sweeps.more(slot, session, request);
    expect(devicesOf(hub.told(session))).toEqual(['d-3 active', 'd-4 active']);
    hub.sweeps.more(slot, session, 0);
    expect(devicesOf(hub.frames(session))).toEqual(['d-3 silent', 'd-4 silent']);
    hub.sweeps.more(slot, session, request);
    expect(hub.told(session)).toEqual([
      { answer: request, refused: [], devices: ['d-5 active'], filters: [], more: false },
    ]);
    expect(hub.swept).toEqual([]);
  });

  it('has no page for no devices: rows that fill the last one exactly end with it', () => {
    const { hub, session, slot } = inPages(...five('active').slice(1));
    const request = hub.ask('s', 'list');
    hub.sweeps.more(slot, session, request);
    expect(hub.told(session)).toMatchObject([{ more: true }, { devices: { length: 2 }, more: false }]);
  });

  it('sends the page that it promised though there is nothing left to name', () => {
    const { hub, session, slot } = inPages('disconnected', 'disconnected', 'paused');
    hub.sweeps.reconnect(slot, session);
    hub.told(session);
    hub.sweeps.more(slot, session, 0);
    expect(hub.told(session)).toEqual([{ ...plain, notice: 'resumed' }]);
  });

  it('takes no word of another session or request, nor one too many', () => {
    const { hub, session, slot } = inPages(...five('active'));
    const request = hub.ask('s', 'list');
    hub.sweeps.input(slot, 'silence', Notice.silent);
    hub.told(session);
    hub.sweeps.more(slot, session + 64, request);
    hub.sweeps.more(slot, session + 64, 0);
    hub.sweeps.more(slot, session, request + 1);
    hub.sweeps.more(hub.subscriber('other'), session, 0);
    expect(hub.told(session)).toEqual([]);
    for (let page = 0; page < 4; page++) hub.sweeps.more(slot, session, request);
    expect(devicesOf(hub.told(session))).toEqual(['d-3 active', 'd-4 active', 'd-5 active']);
  });

  it('names at most 1000 devices in a page, whatever fits in', () => {
    const { hub, session, slot } = many(DEVICES_PER_PAGE + 1);
    const request = hub.ask('s', 'list');
    hub.sweeps.more(slot, session, request);
    expect(hub.told(session)).toMatchObject([
      { devices: { length: DEVICES_PER_PAGE }, more: true },
      { devices: { length: 1 }, more: false },
    ]);
  });
});

describe('a sweep that is not wanted any more', () => {
  it('ends with its session', () => {
    const { hub, session, slot } = inPages(...five('active'));
    const request = hub.ask('s', 'list');
    hub.told(session);
    hub.sweeps.sessionOver(session);
    hub.sweeps.sessionOver(session);
    hub.sweeps.more(slot, session, request);
    expect(hub.told(session)).toEqual([]);
  });

  it('is forgotten, and nothing is done for it', () => {
    const { hub, session, slot } = inPages(...five('disconnected'));
    hub.sweeps.reconnect(slot, session);
    hub.told(session);
    expect(hub.sweeps.isBusy(slot)).toBe(true);
    hub.sweeps.forget(slot);
    hub.sweeps.forget(slot);
    expect(hub.sweeps.isBusy(slot)).toBe(false);
    hub.sweeps.more(slot, session, 0);
    expect(hub.told(session)).toEqual([]);
    expect(hub.swept).toEqual([]);
    expect(hub.states('s').filter((line) => line.endsWith('active'))).toHaveLength(2);
  });

  it('is replaced by a newer input, and a page that it promised comes empty', () => {
    const { hub, session, slot } = inPages(...five('disconnected'));
    hub.sweeps.reconnect(slot, session);
    hub.told(session);
    hub.sweeps.input(slot, 'silence', Notice.silent);
    expect(hub.frames(session)).toEqual([
      { ...plain, notice: 'resumed' },
      { ...plain, notice: 'silent', devices: ['d-1 silent', 'd-2 silent'], more: true },
    ]);
    hub.sweeps.more(slot, session, 0);
    expect(hub.frames(session)).toEqual([{ ...plain, notice: 'silent' }]);
    expect(hub.swept).toEqual([slot]);
  });

  it('is replaced without a word where its session is gone', () => {
    const { hub, session, slot } = inPages(...five('disconnected'));
    hub.sweeps.reconnect(slot, session);
    hub.told(session);
    hub.disconnect('s');
    hub.sweeps.input(slot, 'disconnect', undefined);
    const next = hub.connect('s');
    hub.sweeps.reconnect(slot, next);
    expect(hub.told(session)).toEqual([]);
    expect(hub.frames(next)).toMatchObject([{ joined: 's', more: true }]);
  });

  it('is replaced without a word where it has promised nothing', () => {
    const { hub, session, slot } = many(SLICE_ROWS + 1, 'allow');
    hub.sweeps.input(slot, 'silence', Notice.silent);
    hub.sweeps.input(slot, 'activity', Notice.heard);
    expect(hub.settle()).toBe(1);
    expect(hub.told(session)).toEqual([]);
    expect(hub.swept).toEqual([slot]);
  });
});

/** A connected subscriber with many rows. */
function many(count: number, state: RowStateName = 'active', subscribers: readonly string[] = ['s']) {
  const subscriptions = count * (subscribers.length + 1);
  const hub = new RowsHarness({ capacity: { devices: count, subscriptions } });
  const [session] = subscribers.map((subscriber, edge) => hub.connect(subscriber, { edge: edge % 2 }));
  for (const subscriber of subscribers) for (let n = count; n > 0; n--) hub.row(`d-${n}`, subscriber, state);
  return { hub, session: session!, slot: hub.subscriber(subscribers[0]!) };
}

const countOf = (hub: RowsHarness, subscriber: string, state: RowStateName): number =>
  hub.states(subscriber).filter((line) => line.endsWith(` ${state}`)).length;

describe('the rows that sweeps look at in one go', () => {
  it('are a slice, and what a slice costs is counted with them', () => {
    const { hub, slot } = many(SLICE_ROWS + 2, 'allow');
    expect(hub.sweeps.rowsLeft).toBe(ROWS_PER_STEP);
    hub.sweeps.input(slot, 'silence', Notice.silent);
    expect(hub.sweeps.rowsLeft).toBe(ROWS_PER_STEP - SLICE_ROWS - SLICE_COST);
    expect([hub.sweeps.hasReady, hub.swept]).toEqual([true, []]);
    expect(hub.sweeps.step()).toBe(1);
    expect(hub.sweeps.rowsLeft).toBe(ROWS_PER_STEP);
    expect([hub.sweeps.hasReady, hub.swept]).toEqual([false, [slot]]);
    expect(hub.sweeps.step()).toBe(0);
  });

  it('go on without being asked for where there was nothing to read', () => {
    const { hub, session, slot } = many(SLICE_ROWS + 1, 'allow');
    const request = hub.ask('s', 'list');
    hub.sweeps.more(slot, session, request);
    expect(hub.told(session)).toEqual([]);
    expect(hub.settle()).toBe(1);
    expect(hub.told(session)).toEqual([{ ...plain, answer: request, refused: [] }]);
  });

  it('let a subscriber that starts anew in when all that was kept has gone', () => {
    const { hub, session, slot } = many(SLICE_ROWS + 1, 'disconnected');
    hub.sweeps.joinFresh(slot, session);
    expect(hub.told(session)).toEqual([]);
    hub.settle();
    expect(hub.told(session)).toEqual([{ ...plain, joined: 's', vip: false }]);
    expect(hub.states('s')).toEqual([]);
  });

  it('are those of two slices from one step to the next: what begins after that waits for the step', () => {
    const { hub } = many(SLICE_ROWS + 6, 'active', ['a', 'b', 'c', 'd']);
    const changed = (): number[] => ['a', 'b', 'c', 'd'].map((name) => countOf(hub, name, 'disconnected'));
    for (const subscriber of ['a', 'b', 'c', 'd']) hub.disconnect(subscriber);
    for (const subscriber of ['a', 'b', 'c'])
      hub.sweeps.input(hub.subscriber(subscriber), 'disconnect', undefined);
    expect(hub.sweeps.rowsLeft).toBe(-2 * SLICE_COST);
    expect(changed()).toEqual([SLICE_ROWS, SLICE_ROWS, 0, 0]);
    hub.sweeps.input(hub.subscriber('d'), 'disconnect', undefined);
    // a, b, c and d in turn: the rest of two, and two slices.
    expect(hub.sweeps.step()).toBe(4);
    expect(changed()).toEqual([SLICE_ROWS + 6, SLICE_ROWS + 6, SLICE_ROWS, SLICE_ROWS]);
    expect(hub.sweeps.step()).toBe(2);
    expect(changed()).toEqual(Array(4).fill(SLICE_ROWS + 6));
    expect(hub.sweeps.hasReady).toBe(false);
  });

  it('are used up for requests and pages, too, but never for a subscriber that is let in', () => {
    const { hub } = many(SLICE_ROWS + 1, 'allow', ['a', 'b', 's']);
    const session = hub.connect('s');
    const slot = hub.subscriber('s');
    for (const name of ['a', 'b']) hub.sweeps.input(hub.subscriber(name), 'silence', Notice.silent);
    expect(hub.sweeps.rowsLeft).toBeLessThan(0);
    const request = hub.ask('s', 'list');
    expect(hub.told(session)).toEqual([]);
    hub.sweeps.reconnect(slot, session);
    expect(hub.told(session)).toEqual([{ ...plain, joined: 's', vip: false, more: true }]);
    hub.sweeps.more(slot, session, 0);
    expect([hub.told(session), hub.swept]).toEqual([[], []]);
    hub.settle();
    expect(hub.told(session)).toHaveLength(2);
    expect(request).toBe(1);
    expect(hub.swept).toHaveLength(3);
  });

  it('are used up for what is dropped, too', () => {
    const { hub } = many(SLICE_ROWS + 1, 'allow', ['a', 'b']);
    for (const name of ['a', 'b']) hub.sweeps.input(hub.subscriber(name), 'silence', undefined);
    hub.row('d-1', 'dropped', 'disconnected');
    hub.sweeps.drop(hub.subscriber('dropped'));
    expect(hub.state('d-1', 'dropped')).toBe('disconnected');
    hub.settle();
    expect(hub.state('d-1', 'dropped')).toBeUndefined();
  });

  it('are used up when none is left', () => {
    const rest = ROWS_PER_STEP - SLICE_ROWS - 2 * SLICE_COST;
    const { hub } = many(SLICE_ROWS + 1, 'allow', ['a']);
    for (let n = 1; n <= rest; n++) hub.row(`d-${n}`, 'b', 'allow');
    for (const name of ['a', 'b']) hub.sweeps.input(hub.subscriber(name), 'silence', undefined);
    expect([hub.sweeps.rowsLeft, hub.swept]).toEqual([0, [hub.subscriber('b')]]);
    hub.sweeps.input(hub.subscriber('c'), 'silence', undefined);
    expect(hub.swept).toHaveLength(1);
    expect(hub.sweeps.step()).toBe(2);
    expect(hub.swept).toHaveLength(3);
  });

  it('are used up in a step when none is left', () => {
    // Two slices that leave a row each, then one of a thousand rows and one of what is left.
    const left = ROWS_PER_STEP - 2 * (1 + SLICE_COST) - SLICE_ROWS - 2 * SLICE_COST;
    const { hub } = many(SLICE_ROWS + 1, 'allow', ['a', 'b', 'c']);
    for (let n = 1; n <= left; n++) hub.row(`d-${n}`, 'd', 'allow');
    for (const name of ['a', 'b', 'c', 'd', 'e'])
      hub.sweeps.input(hub.subscriber(name), 'silence', undefined);
    expect(hub.sweeps.step()).toBe(4);
    expect(hub.swept).toEqual(['a', 'b', 'd'].map((name) => hub.subscriber(name)));
    expect(hub.sweeps.step()).toBe(2);
  });
});

describe('a sweep whose edge is behind', () => {
  it('waits until the edge has caught up, and others go on', () => {
    const { hub, session } = many(SLICE_ROWS + 1, 'allow', ['a', 'b']);
    for (const name of ['a', 'b']) hub.ask(name, 'list');
    hub.behind.add(0);
    expect(hub.sweeps.step()).toBe(1);
    expect(hub.told(session)).toEqual([]);
    expect([hub.sweeps.step(), hub.sweeps.hasReady]).toEqual([0, true]);
    hub.behind.clear();
    expect(hub.sweeps.step()).toBe(1);
    expect(hub.told(session)).toEqual([{ ...plain, answer: 1, refused: [] }]);
  });

  it('is not hurried by a word too many', () => {
    const { hub, session, slot } = many(2 * DEVICES_PER_PAGE + 1, 'active', ['s', 'a', 'b']);
    const asked = hub.ask('s', 'list');
    for (const name of ['a', 'b']) hub.sweeps.input(hub.subscriber(name), 'silence', undefined);
    expect([hub.told(session).length, hub.sweeps.rowsLeft < 0]).toEqual([1, true]);
    hub.behind.add(0);
    for (let word = 0; word < 2; word++) {
      hub.sweeps.more(slot, session, asked);
      hub.settle();
      expect(hub.told(session)).toEqual([]);
    }
    hub.behind.clear();
    hub.sweeps.step();
    expect(hub.told(session)).toMatchObject([{ devices: { length: DEVICES_PER_PAGE } }]);
  });

  it('goes on all the same where it tells nobody', () => {
    const { hub, slot } = many(SLICE_ROWS + 1, 'active');
    hub.disconnect('s');
    hub.sweeps.input(slot, 'disconnect', undefined);
    for (const edge of [0, 1]) hub.behind.add(edge);
    expect(hub.registry.subscribers.rows.session[slot]).toBe(NONE);
    expect(hub.sweeps.step()).toBe(1);
    expect(hub.swept).toEqual([slot]);
  });
});
