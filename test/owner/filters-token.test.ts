/** What kept filters follow when their subscriber is back with another token, and what operators remove meanwhile. */
import { describe, expect, it } from 'vitest';
import { Unfinished } from '../../src/owner/filter-table.ts';
import { RowState, type RowStateName } from '../../src/presence/lifecycle.ts';
import { ENTRY_BYTES, RowsHarness, type Told } from './rows-harness.ts';

const pages = (told: readonly Told[]): string[] =>
  told.flatMap((one) => ('page' in one ? [`${one.page}: ${one.devices}${one.more ? ' …' : ''}`] : []));

/** @returns all pages that come to the session, once their reader has read each */
function read(hub: RowsHarness, session: number): string[] {
  hub.settle();
  const told = hub.told(session);
  while (hub.filters.isBusy(session)) {
    hub.filters.more(session, hub.pages.at(-1)!);
    hub.settle();
    told.push(...hub.told(session));
  }
  return pages(told);
}

/** `dev-1` and `dev-2` were covered, of which the filter follows the first: an operator has removed the other's row. */
function setUp({
  state = 'active',
  pageBytes = 64 * 1024,
}: {
  state?: RowStateName;
  pageBytes?: number;
} = {}) {
  const hub = new RowsHarness({ pageBytes });
  for (const id of ['dev-1', 'dev-2', 'dev-3', 'dev-4', 'other']) hub.device(id);
  hub.connect('s', { devices: ['dev-1', 'dev-2'] });
  const slot = hub.subscriber('s');
  hub.scopes.useForFilters(slot);
  const filter = hub.filter('dev-*', 's', state);
  hub.row('dev-1', 's', state === 'active' ? 'disconnected' : 'paused', { filtered: true });
  /**
   * It is back with a token that covers these; none: all.
   * @param meanwhile called while the first page waits for its reader @returns the pages that come
   */
  const back = (devices?: readonly string[], meanwhile = (): void => {}): string[] => {
    const session = hub.connect('s', devices === undefined ? {} : { devices });
    const changed = hub.filters.list(slot).filter(({ value }) => value === RowState.active);
    hub.filters.restart(slot, session, changed, 'reconnect');
    meanwhile();
    return read(hub, session);
  };
  return { hub, slot, filter, back };
}

describe('a filter whose subscriber is back with another token', () => {
  it('follows what that covers and the one before did not, but not what an operator has removed', () => {
    const { hub, back } = setUp();
    expect(back()).toEqual(['dev-*: dev-1 active,dev-3 active,dev-4 active']);
    expect(hub.states('s')).toEqual(['dev-1 active', 'dev-3 active', 'dev-4 active']);
  });

  it('follows only what the new token covers', () => {
    const { back } = setUp();
    expect(back(['dev-1', 'dev-3', 'other'])).toEqual(['dev-*: dev-1 active,dev-3 active']);
  });

  it('looks for nothing where the token covers the same', () => {
    const { hub, back } = setUp();
    expect(back(['dev-1', 'dev-2'])).toEqual(['dev-*: dev-1 active']);
    expect(hub.states('s')).toEqual(['dev-1 active']);
  });

  it.each(['paused', 'disconnected'] as const)('looks for nothing then where it is %s, either', (state) => {
    const { hub, back } = setUp({ state });
    hub.filter('other*', 's'); // active, and finished
    expect(back(['dev-1', 'dev-2'])).toEqual(['other*: ']);
    expect(hub.states('s')).toEqual(['dev-1 paused']);
  });

  it('gains nothing while it is held: it is looked through when it is asked for', () => {
    const { hub, filter, back } = setUp({ state: 'disconnected' });
    expect([back(), hub.states('s')]).toEqual([[], ['dev-1 paused']]);
    expect(hub.registry.filters.isUnfinished(filter)).toBe(false);
  });

  it('looks for nothing once that was looked for', () => {
    const { hub, back } = setUp();
    back();
    // An operator removes them.
    for (const id of ['dev-3', 'dev-4']) hub.subscriptions.move(hub.rowOf(id, 's'), RowState.none);
    expect(back()).toEqual(['dev-*: dev-1 active']);
  });

  it('gains paused devices without a word where it is paused', () => {
    const { hub, filter, back } = setUp({ state: 'paused' });
    expect(back()).toEqual([]);
    expect(hub.states('s')).toEqual(['dev-1 paused', 'dev-3 paused', 'dev-4 paused']);
    expect([hub.registry.filters.isUnfinished(filter), hub.filters.isBusy()]).toEqual([false, false]);
  });

  it('tells what it gains by itself where it was resumed before that was found', () => {
    const { hub, filter, back } = setUp({ state: 'paused', pageBytes: ENTRY_BYTES });
    hub.filter('x*', 's'); // whose pages come first
    for (const id of ['x-2', 'x-1']) hub.row(id, 's', 'disconnected', { filtered: true });
    expect(back(undefined, () => hub.registry.filters.setState(filter, RowState.active))).toEqual([
      'x*: x-1 active …',
      'x*: x-2 active',
      'dev-*: dev-3 active',
      'dev-*: dev-4 active',
    ]);
  });

  it('is unfinished until its last page', () => {
    const { hub, filter, back } = setUp({ pageBytes: ENTRY_BYTES });
    back(undefined, () => expect(hub.registry.filters.isUnfinished(filter)).toBe(true));
    expect(hub.registry.filters.isUnfinished(filter)).toBe(false);
  });

  it('follows what an earlier connection’s pages did not come to, whoever removed it', () => {
    const { hub, filter, back } = setUp();
    hub.registry.filters.begin(filter, Unfinished.pages);
    expect(back(['dev-1', 'dev-2'])).toEqual(['dev-*: dev-1 active,dev-2 active']);
  });
});

describe('a row that an operator removes while pages are on their way', () => {
  const asking = () => {
    const hub = new RowsHarness({ pageBytes: ENTRY_BYTES });
    const session = hub.connect('s');
    const slot = hub.subscriber('s');
    for (const id of ['dev-1', 'dev-2', 'dev-3']) hub.row(id, 's', 'paused', { filtered: true });
    hub.ask('s', 'subscribe', ['dev-*']);
    hub.settle(); // the first page waits for its reader
    const remove = (id: string): void => {
      hub.subscriptions.move(hub.rowOf(id, 's'), RowState.none);
      hub.filters.removed(slot, hub.device(id));
    };
    return { hub, session, slot, remove };
  };

  it('is not made again by them', () => {
    const { hub, session, remove } = asking();
    remove('dev-2');
    expect(read(hub, session).join()).not.toContain('dev-2');
    expect(hub.states('s')).toEqual(['dev-1 active', 'dev-3 active']);
  });

  it('is made by them where the filter gains the device anew', () => {
    const { hub, session, slot, remove } = asking();
    remove('dev-2');
    hub.filters.rematch(slot, hub.device('dev-2')); // a denial was lifted
    expect(read(hub, session).join()).toContain('dev-2 active');
    expect(hub.states('s')).toEqual(['dev-1 active', 'dev-2 active', 'dev-3 active']);
  });

  it('is not made by those of a filter that is active again meanwhile', () => {
    const { hub, session, slot, remove } = asking();
    remove('dev-2');
    hub.filters.restart(slot, session, [{ filter: 'dev-*', value: RowState.active }], 'activity');
    expect(read(hub, session).join()).not.toContain('dev-2');
    expect(hub.states('s')).toEqual(['dev-1 active', 'dev-3 active']);
  });

  it('is not made by pages that come behind the answer that is still due', () => {
    const { hub, slot, session } = asking();
    hub.filters.sessionOver(session);
    const next = hub.connect('s');
    hub.ask('s', 'subscribe', ['dev-*', 'x*']);
    hub.filters.step(); // the second filter is still to be looked for
    hub.subscriptions.move(hub.rowOf('dev-3', 's'), RowState.none);
    hub.filters.removed(slot, hub.device('dev-3'));
    read(hub, next);
    expect(hub.states('s')).toEqual(['dev-1 active', 'dev-2 active']);
  });
});
