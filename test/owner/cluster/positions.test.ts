import { expect, it } from 'vitest';
import { Positions } from '../../../src/owner/cluster/positions.ts';
import { Registry } from '../../../src/owner/registry.ts';
import { createPresence } from '../../../src/presence/memory.ts';

function table() {
  const registry = new Registry(createPresence({ devices: 8, subscribers: 8, subscriptions: 8 }), 1);
  const [one, other] = [registry.ensureDeviceOf('dev-1'), registry.ensureDeviceOf('dev-2')];
  const { epoch, seq } = registry.devices.rows;
  const stand = (slot: number, [number, last]: readonly [number, number]): void => {
    epoch[slot] = number;
    seq[slot] = last;
  };
  stand(one, [70, 12]);
  stand(other, [70, 3]);
  return { positions: new Positions(registry), one, other, stand };
}

it('knows where a device stands in the numbering that it has', () => {
  const { positions, one, other } = table();
  expect(positions.in(one, 70)).toBe(12);
  expect(positions.in(other, 70)).toBe(3);
});

it('knows nothing of a numbering that nobody here has seen', () => {
  const { positions, one } = table();
  expect(positions.in(one, 71)).toBeUndefined();
});

it('remembers how far a device was in a numbering that it has left, also when it was in several', () => {
  const { positions, one, stand } = table();
  positions.leave(one);
  stand(one, [80, 0]);
  positions.leave(one);
  stand(one, [90, 7]);
  expect(positions.in(one, 70)).toBe(12);
  expect(positions.in(one, 80)).toBe(0);
  expect(positions.in(one, 90)).toBe(7);
});

it('goes by what the device has, not by what was remembered, once it is back in a numbering', () => {
  const { positions, one, stand } = table();
  positions.leave(one);
  stand(one, [80, 2]);
  positions.leave(one);
  stand(one, [70, 15]);
  expect(positions.in(one, 70)).toBe(15);
});

it('does not take one device for another with the same numbering', () => {
  const { positions, one, other, stand } = table();
  positions.leave(one);
  stand(other, [80, 0]);
  expect(positions.in(other, 70)).toBeUndefined();
});
