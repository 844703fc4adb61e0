/**
 * A filter whose pages had not all been sent looked through the whole table at once when its subscriber was back: with a
 * hundred of them, a reconnect kept the owner busy for seconds.
 */
import { expect, it, vi } from 'vitest';
import { SLICE_SLOTS, SLICES_PER_STEP } from '../../src/owner/filter-jobs.ts';
import { OwnerHarness } from '../owner/owner-harness.ts';

const DEVICES = SLICE_SLOTS + 1;
const FILTERS = Array.from('device-', (_, length) => `${'device-'.slice(0, length)}*`);

it('a subscriber with many filters that were not finished comes back a slice at a time', () => {
  const hub = new OwnerHarness({ capacity: { devices: DEVICES, subscribers: 2, subscriptions: DEVICES } });
  for (let n = 0; n < DEVICES; n++) hub.connectDevice(`device-${n}`);
  const session = hub.connect('s');
  expect(hub.ask(session, 'subscribe', FILTERS)).toMatchObject({ filters: { length: FILTERS.length } });
  expect(hub.followed('s')).toBeLessThan(DEVICES);
  hub.disconnect(session);
  const looks = vi.spyOn(hub.owner.registry, 'idStartsWith');
  const again = hub.connect('s');
  expect(looks.mock.calls.length).toBeLessThanOrEqual((SLICES_PER_STEP + 1) * SLICE_SLOTS);
  for (let n = 0; n < 200; n++) {
    hub.poll();
    hub.readPages(again);
  }
  expect(hub.followed('s')).toBe(DEVICES);
});
