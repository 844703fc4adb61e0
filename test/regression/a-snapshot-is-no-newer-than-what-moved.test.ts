/**
 * A device had moved to another node and was offline there. When its first home came back with its snapshot, that took the
 * device over with the old numbering and the old values, if a third node followed it: what that node knew of the newer
 * claim made the older home the newer one.
 */
import { expect, it } from 'vitest';
import { HomeKind } from '../../src/cluster/records.ts';
import type { Connection } from '../cluster/support/fake-host.ts';
import { Simulation, TIMEOUT_MS } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

/** `dev-1` had its home at d, which is gone; c numbers it, and a follows it there. */
function moved(seed: number) {
  const simulation = new Simulation(new Random(seed), 100);
  for (const name of ['a', 'c', 'd']) simulation.start(name);
  simulation.run(3000);
  const at = (name: string) => simulation.nodes.get(name)!;
  const connect = (name: string): Connection => {
    const device: Connection = { id: 'dev-1', alive: true, closed: undefined };
    at(name).host.connectDevice(device);
    simulation.run(2000);
    return device;
  };
  connect('d');
  simulation.kill(at('d'));
  simulation.run(2 * TIMEOUT_MS);
  const device = connect('c');
  at('c').host.publish(device, 1);
  at('a').host.follow('dev-1');
  simulation.run(1000);
  at('c').host.disconnectDevice(device);
  simulation.run(100);
  return { simulation, at };
}

it('A device that moved stays where it was last, though its first home comes back and others know its number', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { simulation, at } = moved(seed);
    const { epoch } = at('c').host.devices.get('dev-1')!;
    const { node, host } = simulation.start('d');
    node.homes.hold(HomeKind.device, 'dev-1');
    host.adopt(HomeKind.device, 'dev-1', undefined, false); // as out of a snapshot
    simulation.run(5000);
    const homes = [...simulation.nodes.values()].filter((one) => one.host.devices.has('dev-1'));
    expect(
      homes.map(({ name }) => name),
      `seed ${seed}`,
    ).toEqual(['c']);
    expect(at('c').host.devices.get('dev-1')).toMatchObject({ epoch, seq: 1 });
    const entries = at('a')
      .host.got('dev-1')
      .filter(({ is }) => is === 'entry');
    expect(
      entries.every((got) => got.is === 'entry' && got.node === 'c'),
      `seed ${seed}`,
    ).toBe(true);
  }
});
