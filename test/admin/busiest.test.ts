import { describe, expect, it } from 'vitest';
import { Busiest } from '../../src/admin/busiest.ts';
import { BUSIEST_NAMED_MAX } from '../../src/limits.ts';
import { FakeHub } from './fake-hub.ts';

/** Devices of a table, and what they broadcast. */
function setUp(devices: number, rowsPerLook?: number) {
  const hub = new FakeHub();
  const { seq } = hub.deps.presence.devices.rows;
  const slots = Array.from({ length: devices }, (_, n) => hub.device(`dev-${n}`));
  const busiest = new Busiest(hub.deps.presence, hub.clock, rowsPerLook);
  const broadcast = (n: number, events: number): void => {
    seq[slots[n]!]! += events;
  };
  return { hub, busiest, broadcast };
}

describe('the busiest devices', () => {
  it('are those that broadcast most since the last look, the busiest first', () => {
    const { hub, busiest, broadcast } = setUp(30);
    broadcast(3, 1000);
    expect(busiest.look()).toEqual([]);
    for (let n = 0; n < 30; n++) broadcast(n, n * 2);
    hub.clock.advance(2000);
    const named = busiest.look();
    expect(named).toHaveLength(BUSIEST_NAMED_MAX);
    expect(named.slice(0, 2)).toEqual([
      { device: 'dev-29', perSecond: 29 },
      { device: 'dev-28', perSecond: 28 },
    ]);
    hub.clock.advance(1000);
    broadcast(0, 5);
    expect(busiest.look()).toEqual([{ device: 'dev-0', perSecond: 5 }]);
  });

  it('are found in a table that takes several looks', () => {
    const { hub, busiest, broadcast } = setUp(25, 10);
    for (let look = 0; look < 3; look++) busiest.look();
    hub.clock.advance(3000);
    for (const n of [2, 14, 24]) broadcast(n, n * 3);
    expect(busiest.look()).toEqual([{ device: 'dev-2', perSecond: 2 }]);
    busiest.look();
    expect(busiest.look().map(({ device }) => device)).toEqual(['dev-24', 'dev-14', 'dev-2']);
  });

  it('are not those that took the place of a busy one', () => {
    const { hub, busiest, broadcast } = setUp(2);
    broadcast(1, 500);
    busiest.look();
    hub.clock.advance(1000);
    broadcast(1, -500);
    expect(busiest.look()).toEqual([]);
  });

  it('are forgotten when nobody looks', () => {
    const { hub, busiest, broadcast } = setUp(2);
    busiest.look();
    busiest.reset();
    broadcast(1, 500);
    hub.clock.advance(1000);
    expect(busiest.look()).toEqual([]);
  });
});
