import { expect, it } from 'vitest';
import { Taps } from '../../../src/edge/publish/taps.ts';

it('says which devices have a listener, and when that changes', () => {
  const taps = new Taps();
  const changes: unknown[] = [];
  taps.changed = (...change) => changes.push(change);
  const [first, second] = [taps.add('d', () => {}), taps.add('d', () => {})];
  expect([taps.devices, taps.inUse]).toEqual([['d'], true]);
  first();
  first();
  second();
  second();
  expect([taps.devices, taps.inUse]).toEqual([[], false]);
  expect(changes).toEqual([
    ['d', true],
    ['d', false],
  ]);
});
