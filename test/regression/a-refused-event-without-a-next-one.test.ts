/**
 * An event of another node that found the way to the owner full was told as a gap with the device's next event. Where none
 * came, nobody heard that there was one.
 */
import { expect, it, vi } from 'vitest';
import type { FakeHost } from '../cluster/support/fake-host.ts';
import { Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

/** b follows `dev-1` of a, and has its first event. */
function following() {
  const simulation = new Simulation(new Random(1), 100);
  for (const name of ['a', 'b']) simulation.start(name);
  simulation.run(3000);
  const [a, b] = ['a', 'b'].map((name) => simulation.nodes.get(name)!.host) as [FakeHost, FakeHost];
  const device = { id: 'dev-1', alive: true, closed: undefined };
  a.connectDevice(device);
  simulation.run(100);
  b.follow('dev-1');
  simulation.run(100);
  a.publish(device, 1);
  simulation.run(100);
  const publish = (payload: number) => {
    a.publish(device, payload);
    simulation.run(100);
  };
  return { simulation, b, publish, got: () => b.got('dev-1').slice(-2) };
}

const gap = (from: number, to: number) => ({ is: 'gap', from, to });

it('an event that was refused is told as a gap once there is room, and only then', () => {
  const { simulation, b, publish, got } = following();
  const hasRoom = vi.spyOn(b, 'hasRoom').mockReturnValue(false);
  vi.spyOn(b, 'event').mockReturnValueOnce(false);
  publish(2);
  expect(got().at(-1)).toMatchObject({ is: 'event', payload: 1 });
  hasRoom.mockReturnValue(true);
  simulation.run(100);
  expect(got()).toMatchObject([{ is: 'event', payload: 1 }, gap(2, 2)]);
  publish(3);
  expect(got()).toMatchObject([gap(2, 2), { is: 'event', payload: 3 }]);
});

it('what the next event has told of is told once', () => {
  const { b, publish, got } = following();
  vi.spyOn(b, 'hasRoom').mockReturnValue(false);
  vi.spyOn(b, 'event').mockReturnValueOnce(false);
  publish(2);
  publish(3);
  vi.mocked(b.hasRoom).mockReturnValue(true);
  publish(4);
  expect(b.got('dev-1').filter(({ is }) => is === 'gap')).toEqual([gap(2, 2)]);
  expect(got().at(-1)).toMatchObject({ is: 'event', payload: 4 });
});
