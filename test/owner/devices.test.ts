import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeviceState } from '../../src/presence/lifecycle.ts';
import { OwnerHarness } from './owner-harness.ts';

const STALE_MS = 60_000;

afterEach(() => {
  vi.restoreAllMocks();
});

/**
 * A frame comes in while the owner finds the device stale. The edge stores when it heard it, then looks whether the
 * device is stale and tells the owner if so; each of the two happens at one of the owner's moments: 0 before its look
 * at the time, 1 after it, 2 after it stored stale, 3 after its second look.
 */
function heardWhileFoundStale(storesAt: number, looksAt: number) {
  const hub = new OwnerHarness({ subscriberInactiveAfterMs: 1e9, subscriberRemoveAfterMs: 1e9 });
  hub.ask(hub.connect('sub-1'), 'subscribe', ['dev-1']);
  const session = hub.connectDevice('dev-1');
  hub.received();
  hub.clock.nowMs += STALE_MS + 500;
  const slot = hub.reader.findDevice('dev-1');
  const { lastSeen, deviceState } = hub.reader.devices.rows;
  const { load, store } = Atomics;
  let moment = 0;
  let mustTell = false;
  const edge = (): void => {
    if (storesAt === moment) store(lastSeen, slot, BigInt(hub.clock.nowMs));
    if (looksAt === moment && load(deviceState, slot) === DeviceState.stale) mustTell = true;
  };
  const passed = (): void => {
    moment += 1;
    edge();
  };
  edge();
  const isOf = (cells: unknown, other: BigInt64Array | Uint8Array, index: unknown): boolean =>
    (cells as Uint8Array).buffer === other.buffer &&
    (cells as Uint8Array).byteOffset === other.byteOffset &&
    index === slot;
  vi.spyOn(Atomics, 'load').mockImplementation(((cells: Uint8Array, index: number) => {
    const value = load(cells, index);
    if (isOf(cells, lastSeen, index) && (moment === 0 || moment === 2)) passed();
    return value;
  }) as never);
  vi.spyOn(Atomics, 'store').mockImplementation(((cells: Uint8Array, index: number, value: number) => {
    store(cells, index, value);
    if (isOf(cells, deviceState, index) && value === DeviceState.stale && moment === 1) passed();
    return value;
  }) as never);
  hub.poll();
  vi.restoreAllMocks();
  // The owner did not come so far: it had seen the time, and let the device be.
  for (const at of [storesAt, looksAt]) {
    if (at <= moment) continue;
    if (at === storesAt) store(lastSeen, slot, BigInt(hub.clock.nowMs));
    if (at === looksAt && load(deviceState, slot) === DeviceState.stale) mustTell = true;
  }
  if (mustTell) hub.heard(session);
  const states = hub.received().filter(({ kind }) => kind === 'event').length;
  return { state: hub.reader.device(slot)?.state, states, moments: moment, hub };
}

describe('a device that is heard at the moment at which it is found stale', () => {
  const moments = [0, 1, 2, 3];
  it.each(
    moments.flatMap((stores) => moments.filter((looks) => looks >= stores).map((looks) => [stores, looks])),
  )('is online in the end: stored at %i, looked at %i', (stores, looks) => {
    const { state, states, hub } = heardWhileFoundStale(stores, looks);
    expect(state).toBe('online');
    expect(states % 2).toBe(0); // stale and online again, or nothing
    hub.pass(STALE_MS - 1000);
    expect(hub.reader.device(hub.reader.findDevice('dev-1'))?.state).toBe('online');
    hub.pass(2000);
    expect(hub.reader.device(hub.reader.findDevice('dev-1'))?.state).toBe('stale');
  });

  it('goes through all four moments when it is not heard at all', () => {
    const { state, states, moments: passed } = heardWhileFoundStale(9, 9);
    expect([state, states, passed]).toEqual(['online', 2, 3]);
  });
});
