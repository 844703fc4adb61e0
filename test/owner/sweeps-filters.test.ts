/** Sweeps over rows that filters made: the filter is named, and its devices come in its own pages. */
import { describe, expect, it } from 'vitest';
import { RowState, type RowStateName } from '../../src/presence/lifecycle.ts';
import { Notice } from '../../src/records/replies.ts';
import { ENTRY_BYTES, RowsHarness } from './rows-harness.ts';

const plain = { devices: [], filters: [], more: false };
const joined = { ...plain, joined: 's', vip: false };

/** A connected subscriber that follows `dev-f` by a filter alone and `dev-o` by id, too; both have one state. */
function following(state: RowStateName = 'active', filterState: RowStateName = state) {
  const hub = new RowsHarness();
  const session = hub.connect('s');
  hub.row('dev-o', 's', state);
  hub.row('dev-f', 's', state, { filtered: true });
  hub.filter('dev-*', 's', filterState);
  return { hub, session, slot: hub.subscriber('s') };
}

const page = { page: 'dev-*', devices: ['dev-f active', 'dev-o active'], more: false, waits: false };

describe('an input to rows of filters', () => {
  it('silence names the filter and what is followed by id', () => {
    const { hub, session, slot } = following();
    hub.sweeps.input(slot, 'silence', Notice.silent);
    expect(hub.frames(session)).toEqual([
      { ...plain, notice: 'silent', devices: ['dev-o silent'], filters: [`dev-* ${RowState.silent}`] },
    ]);
    expect(hub.states('s')).toEqual(['dev-f silent', 'dev-o silent']);
    expect(hub.filterStates('s')).toEqual(['dev-* silent']);
  });

  it('silence names a filter that follows nothing yet', () => {
    const hub = new RowsHarness();
    const session = hub.connect('s');
    hub.filter('dev-*', 's');
    hub.sweeps.input(hub.subscriber('s'), 'silence', Notice.silent);
    expect(hub.frames(session)).toEqual([
      { ...plain, notice: 'silent', filters: [`dev-* ${RowState.silent}`] },
    ]);
  });

  it('activity names the filter, whose devices come in its page and are active from there on', () => {
    const { hub, session, slot } = following('silent');
    hub.sweeps.input(slot, 'activity', Notice.heard);
    expect(hub.frames(session)).toEqual([
      { ...plain, notice: 'heard', devices: ['dev-o active'], filters: [`dev-* ${RowState.active}`] },
      page,
    ]);
    expect(hub.states('s')).toEqual(['dev-f active', 'dev-o active']);
  });

  it('a reconnect does so, too', () => {
    const { hub, session, slot } = following('disconnected');
    hub.sweeps.reconnect(slot, session);
    expect(hub.frames(session)).toEqual([
      { ...joined, devices: ['dev-o active'], filters: [`dev-* ${RowState.active}`] },
      page,
    ]);
    expect(hub.states('s')).toEqual(['dev-f active', 'dev-o active']);
  });

  it('a disconnect changes them without a word, and no page comes', () => {
    const { hub, session, slot } = following();
    hub.disconnect('s');
    hub.sweeps.input(slot, 'disconnect', undefined);
    expect(hub.told(session)).toEqual([]);
    expect(hub.filterStates('s')).toEqual(['dev-* disconnected']);
    expect(hub.states('s')).toEqual(['dev-f disconnected', 'dev-o disconnected']);
    expect(hub.filters.hasReady).toBe(false);
  });

  it('expiry names the filter and what is followed by id; all of it goes', () => {
    const { hub, session, slot } = following();
    hub.sweeps.input(slot, 'expire', Notice.inactiveTooLong);
    expect(hub.frames(session)).toEqual([
      { ...plain, notice: 'inactiveTooLong', devices: ['dev-o none'], filters: ['dev-* 0'] },
    ]);
    expect([hub.states('s'), hub.filterStates('s')]).toEqual([[], []]);
  });

  it('a drop takes filters along without a word', () => {
    const { hub, session, slot } = following('disconnected');
    hub.disconnect('s');
    hub.sweeps.drop(slot);
    expect([hub.states('s'), hub.filterStates('s')]).toEqual([[], []]);
    expect(hub.told(session)).toEqual([]);
  });

  it('a fresh start takes filters along', () => {
    const { hub, session, slot } = following('disconnected');
    hub.sweeps.joinFresh(slot, session);
    expect(hub.told(session)).toEqual([joined]);
    expect(hub.filterStates('s')).toEqual([]);
  });
});

describe('what is held', () => {
  it('names its filters, not their devices', () => {
    const { hub, session, slot } = following('active');
    hub.sweeps.hold(slot, session);
    expect(hub.frames(session)).toEqual([
      { ...joined, devices: ['dev-o disconnected'], filters: [`dev-* ${RowState.disconnected}`] },
    ]);
    expect(hub.states('s')).toEqual(['dev-f disconnected', 'dev-o disconnected']);
    expect(hub.filters.hasReady).toBe(false);
  });

  it('goes with its filters', () => {
    const { hub, session, slot } = following('disconnected');
    hub.row('new', 's', 'active');
    hub.filter('new*', 's', 'active');
    hub.sweeps.expireHeld(slot);
    expect(hub.frames(session)).toEqual([
      {
        ...plain,
        notice: 'inactiveTooLong',
        devices: ['dev-o none'],
        filters: [`dev-* ${RowState.disconnected}`],
      },
    ]);
    expect([hub.states('s'), hub.filterStates('s')]).toEqual([['new active'], ['new* active']]);
  });

  it('names a device that was resumed beneath a paused filter, of which nothing waits', () => {
    const { hub, session, slot } = following('disconnected', 'paused');
    hub.sweeps.hold(slot, session);
    expect(hub.frames(session)).toEqual([
      { ...joined, devices: ['dev-f disconnected', 'dev-o disconnected'] },
    ]);
  });
});

describe('a device beneath a paused filter', () => {
  it('is named when it is active again: the filter’s pages do not bring it', () => {
    const { hub, session, slot } = following('disconnected', 'paused');
    hub.sweeps.reconnect(slot, session);
    expect(hub.frames(session)).toEqual([{ ...joined, devices: ['dev-f active', 'dev-o active'] }]);
    expect(hub.states('s')).toEqual(['dev-f active', 'dev-o active']);
  });

  it('is the active filter’s where another is paused', () => {
    const { hub, session, slot } = following('disconnected', 'paused');
    hub.filter('d*', 's', 'disconnected');
    hub.sweeps.reconnect(slot, session);
    expect(hub.frames(session)).toMatchObject([
      { devices: ['dev-o active'], filters: [`d* ${RowState.active}`] },
      { page: 'd*', devices: ['dev-f active', 'dev-o active'] },
    ]);
  });
});

describe('a row that only filters made', () => {
  it('is named and goes with a reconnect where no filter follows the device any more', () => {
    const hub = new RowsHarness();
    const session = hub.connect('s');
    hub.row('dev-f', 's', 'disconnected', { filtered: true });
    hub.sweeps.reconnect(hub.subscriber('s'), session);
    expect(hub.frames(session)).toEqual([
      joined,
      { ...plain, notice: 'notCovered', devices: ['dev-f none'] },
    ]);
    expect(hub.states('s')).toEqual([]);
  });

  it('stays where it is with activity', () => {
    const hub = new RowsHarness();
    const session = hub.connect('s');
    hub.row('dev-f', 's', 'silent', { filtered: true });
    hub.sweeps.input(hub.subscriber('s'), 'activity', Notice.heard);
    expect(hub.frames(session)).toEqual([]);
    expect(hub.states('s')).toEqual(['dev-f silent']);
  });
});

describe('a request for everything', () => {
  const two = (hub: RowsHarness): void => {
    hub.filter('dev-*', 's', 'paused');
    hub.filter('e*', 's', 'active');
  };

  it('list names every filter with its state, on the first page', () => {
    const hub = new RowsHarness({ pageBytes: ENTRY_BYTES });
    const session = hub.connect('s');
    two(hub);
    for (const id of ['dev-2', 'dev-1']) hub.row(id, 's', 'active', { filtered: true });
    const request = hub.ask('s', 'list');
    hub.sweeps.more(hub.subscriber('s'), session, request);
    const filters = [`e* ${RowState.active}`, `dev-* ${RowState.paused}`];
    expect(hub.frames(session)).toEqual([
      { answer: request, refused: [], devices: ['dev-1 active'], filters, more: true },
      { answer: request, refused: [], devices: ['dev-2 active'], filters: [], more: false },
    ]);
    expect(hub.filterStates('s')).toEqual(['dev-* paused', 'e* active']);
  });

  it('pause names all filters, and of the devices those that are followed by id', () => {
    const { hub, session } = following();
    hub.filter('e*', 's', 'paused');
    const request = hub.ask('s', 'pause');
    const filters = [`e* ${RowState.paused}`, `dev-* ${RowState.paused}`];
    expect(hub.frames(session)).toEqual([
      { ...plain, answer: request, refused: [], devices: ['dev-o paused'], filters },
    ]);
    expect(hub.states('s')).toEqual(['dev-f paused', 'dev-o paused']);
  });

  it('pause does not name what was resumed by itself beneath a filter: the filter speaks for it', () => {
    const { hub, session } = following('active', 'paused');
    const request = hub.ask('s', 'pause');
    expect(hub.frames(session)).toMatchObject([
      { answer: request, devices: ['dev-o paused'], filters: [`dev-* ${RowState.paused}`] },
    ]);
    expect(hub.states('s')).toEqual(['dev-f paused', 'dev-o paused']);
  });

  it('unsubscribe names the filters that it ends, and what was followed by id', () => {
    const { hub, session } = following();
    const request = hub.ask('s', 'unsubscribe');
    expect(hub.frames(session)).toEqual([
      { ...plain, answer: request, refused: [], devices: ['dev-o none'], filters: ['dev-* 0'] },
    ]);
    expect([hub.states('s'), hub.filterStates('s')]).toEqual([[], []]);
  });

  it('resume tells how many devices each filter follows, and their pages come', () => {
    const { hub, session } = following('paused');
    hub.row('dev-2', 's', 'paused', { filtered: true });
    const request = hub.ask('s', 'resume');
    hub.settle();
    expect(hub.frames(session)).toEqual([
      { ...plain, answer: request, refused: [], devices: ['dev-o active'], filters: ['dev-* 3'] },
      { ...page, devices: ['dev-2 active', 'dev-f active', 'dev-o active'] },
    ]);
    expect(hub.states('s')).toEqual(['dev-2 active', 'dev-f active', 'dev-o active']);
  });

  it('resume counts what is active with it, of devices that have ever connected, for each filter', () => {
    const hub = new RowsHarness();
    const session = hub.connect('s');
    for (const state of ['active', 'silent', 'paused', 'disconnected', 'allow', 'deny'] as const)
      hub.row(`dev-${state}`, 's', state, { filtered: true });
    hub.row('e', 's', 'paused', { filtered: true });
    hub.registry.createRow(hub.device('dev-unknown', false), hub.subscriber('s'), RowState.paused);
    for (const filter of ['e*', 'dev-*', 'dev-s*', 'x*']) hub.filter(filter, 's', 'paused');
    const request = hub.ask('s', 'resume');
    expect(hub.frames(session)[0]).toMatchObject({
      answer: request,
      filters: ['x* 0', 'dev-s* 1', 'dev-* 3', 'e* 1'],
    });
  });

  it('resume in pages tells the numbers with the last one, when all are counted', () => {
    const hub = new RowsHarness({ pageBytes: ENTRY_BYTES });
    const session = hub.connect('s');
    for (const id of ['dev-3', 'dev-2', 'dev-1']) hub.row(id, 's', 'paused');
    hub.filter('dev-*', 's', 'paused');
    const request = hub.ask('s', 'resume');
    for (let more = 0; more < 2; more++) hub.sweeps.more(hub.subscriber('s'), session, request);
    hub.settle();
    const answer = { answer: request, refused: [] };
    expect(hub.frames(session)).toEqual([
      { ...answer, devices: ['dev-1 active'], filters: [], more: true },
      { ...answer, devices: ['dev-2 active'], filters: [], more: true },
      { ...answer, devices: ['dev-3 active'], filters: ['dev-* 3'], more: false },
      { ...page, devices: ['dev-1 active'], more: true, waits: true },
    ]);
  });

  it('pause in pages names the filters with the first one', () => {
    const hub = new RowsHarness({ pageBytes: ENTRY_BYTES });
    const session = hub.connect('s');
    for (const id of ['dev-2', 'dev-1']) hub.row(id, 's', 'active');
    hub.filter('dev-*', 's');
    const request = hub.ask('s', 'pause');
    hub.sweeps.more(hub.subscriber('s'), session, request);
    expect(hub.frames(session)).toMatchObject([
      { filters: [`dev-* ${RowState.paused}`], more: true },
      { filters: [], more: false },
    ]);
  });
});
