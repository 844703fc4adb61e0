/**
 * A client of MQTT that starts anew (clean start) has what was kept for it removed, in slices. When its connection was
 * lost before the last of them, the rest was kept, and the client got it back with its next connection.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { ROWS_PER_STEP } from '../../src/owner/sweeps.ts';
import { NONE } from '../../src/presence/columns.ts';
import { RowsHarness } from '../owner/rows-harness.ts';

const ROWS = 2 * ROWS_PER_STEP;

describe('what a new start is about to remove', () => {
  let hub: RowsHarness;
  let slot: number;

  beforeEach(() => {
    hub = new RowsHarness({ capacity: { devices: ROWS + 1, subscriptions: ROWS + 1 } });
    for (let n = 0; n < ROWS; n++) hub.row(`dev-${n}`, 's', 'disconnected');
    hub.filter('x*', 's', 'disconnected');
    slot = hub.subscriber('s');
  });

  const disconnect = (): void => {
    hub.disconnect('s');
    hub.sweeps.input(slot, 'disconnect', undefined);
  };

  it('is removed though the connection is lost meanwhile, and what has come since is kept', () => {
    const session = hub.connect('s');
    hub.sweeps.joinFresh(slot, session);
    hub.row('new', 's', 'active');
    disconnect();
    hub.settle();
    expect([hub.states('s'), hub.filterStates('s')]).toEqual([['new disconnected'], []]);
    expect(hub.frames(session)).toEqual([]);
  });

  it('is not there for the next connection, which is let in when it has gone', () => {
    hub.sweeps.joinFresh(slot, hub.connect('s'));
    hub.row('new', 's', 'active');
    disconnect();
    const session = hub.connect('s');
    hub.sweeps.reconnect(slot, session);
    expect([hub.frames(session), hub.sweeps.isReconnecting(slot)]).toEqual([[], true]);
    hub.settle();
    expect(hub.frames(session)).toMatchObject([{ joined: 's', devices: ['new active'], more: false }]);
    expect([hub.states('s'), hub.sweeps.isReconnecting(slot)]).toEqual([['new active'], false]);
  });

  it('is not held for it either', () => {
    hub.sweeps.joinFresh(slot, hub.connect('s'));
    hub.row('new', 's', 'active');
    disconnect();
    const session = hub.connect('s');
    hub.sweeps.hold(slot, session);
    expect(hub.sweeps.isSettling(slot)).toBe(true);
    hub.settle();
    expect(hub.frames(session)).toMatchObject([{ joined: 's', devices: ['new disconnected'] }]);
    expect(hub.states('s')).toEqual(['new disconnected']);
  });

  it('takes along what has come since where the next connection starts anew, too', () => {
    hub.sweeps.joinFresh(slot, hub.connect('s'));
    hub.row('new', 's', 'active');
    disconnect();
    const session = hub.connect('s');
    hub.sweeps.joinFresh(slot, session);
    hub.settle();
    expect([hub.frames(session).length, hub.states('s')]).toEqual([1, []]);
  });

  it('is removed of one who is not connected, whoever comes', () => {
    hub.sweeps.drop(slot);
    expect(hub.registry.subscribers.rows.session[slot]).toBe(NONE);
    const session = hub.connect('s');
    hub.sweeps.reconnect(slot, session);
    hub.settle();
    expect(hub.frames(session)).toMatchObject([{ joined: 's', devices: [], more: false }]);
    expect(hub.states('s')).toEqual([]);
  });
});
