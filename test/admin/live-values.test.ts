import { expect, it } from 'vitest';
import { LiveValues } from '../../src/admin/live-values.ts';
import { VALUE_LEASE_MS, VALUES_KEPT_MAX } from '../../src/limits.ts';
import { FakeHub } from './fake-hub.ts';

it('lets go of a device that no list has asked for lately', () => {
  const hub = new FakeHub();
  const values = new LiveValues(hub.deps);
  values.newest('a');
  hub.clock.advance(VALUE_LEASE_MS - 1);
  values.newest('b');
  values.tick();
  expect(values.size).toBe(2);
  hub.clock.advance(1);
  values.tick();
  expect(values.size).toBe(1);
  hub.clock.advance(VALUE_LEASE_MS);
  values.tick();
  expect([values.size, hub.taps.inUse]).toEqual([0, false]);
});

it('keeps no more devices than it may, and lets go of the one asked for longest ago', () => {
  const hub = new FakeHub();
  const values = new LiveValues(hub.deps);
  for (let n = 0; n <= VALUES_KEPT_MAX; n++) values.newest(`d${n}`);
  expect(values.size).toBe(VALUES_KEPT_MAX);
  values.close();
  expect(hub.taps.inUse).toBe(false);
});
