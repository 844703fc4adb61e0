/**
 * A device was on its way to another node, which went before it had the device. So it stayed, but the nodes that followed
 * it heard nothing of it any more, and no gap.
 */
import { expect, it } from 'vitest';
import { HomeKind } from '../../src/cluster/records.ts';
import { Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

const OWNER_MS = 50;

it('A device that stays, because the node that it was given to has gone, is followed as before', () => {
  const simulation = new Simulation(new Random(1), 100);
  const [a, b, c] = ['a', 'b', 'c'].map((name) => simulation.start(name));
  simulation.run(3000);
  const device = { id: 'dev-1', alive: true, closed: undefined };
  a!.host.connectDevice(device);
  b!.host.follow('dev-1');
  simulation.run(1000);
  a!.toNodeMs = simulation.clock.nowMs + OWNER_MS; // its owner is busy
  c!.host.connectDevice({ id: 'dev-1', alive: true, closed: undefined });
  const isLeaving = () => a!.node.homes.get(HomeKind.device, 'dev-1')?.departure !== undefined;
  expect(simulation.runUntil(isLeaving)).toBe(true);
  c!.node.stop();
  simulation.kill(c!);
  simulation.run(2000);
  expect(simulation.homesOf(HomeKind.device, 'dev-1')).toEqual(['a']);
  const again = { id: 'dev-1', alive: true, closed: undefined };
  a!.host.connectDevice(again);
  simulation.run(1000);
  a!.host.publish(again, 7);
  simulation.run(1000);
  const events = b!.host.got('dev-1').flatMap((got) => (got.is === 'event' ? [got.payload] : []));
  expect(events).toEqual([7]);
});
