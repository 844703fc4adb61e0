/**
 * A device that an operator deleted while its home stood still, or was down, was there again when the home woke or came
 * back with its snapshot.
 */
import { describe, expect, it } from 'vitest';
import { HomeKind } from '../../src/cluster/records.ts';
import type { Connection } from '../cluster/support/fake-host.ts';
import { Simulation, TIMEOUT_MS } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

const connection = (): Connection => ({ id: 'dev-1', alive: true, closed: undefined });

/** `dev-1` has its home at a, which stands still; b and c followed it, and an operator ends it there. */
function deleted(isConnected: boolean) {
  const simulation = new Simulation(new Random(1), 100);
  for (const name of ['a', 'b', 'c']) simulation.start(name);
  simulation.run(3000);
  const at = (name: string) => simulation.nodes.get(name)!;
  const device = connection();
  at('a').host.connectDevice(device);
  simulation.run(100);
  at('a').host.publish(device, 1);
  for (const name of ['b', 'c']) at(name).host.follow('dev-1');
  simulation.run(100);
  if (!isConnected) at('a').host.disconnectDevice(device);
  simulation.run(100);
  simulation.freeze(at('a'));
  simulation.run(2 * TIMEOUT_MS);
  for (const name of ['b', 'c']) {
    at(name).node.homes.endings.end(HomeKind.device, 'dev-1');
    at(name).host.unfollow('dev-1');
  }
  simulation.run(100);
  const homes = () => simulation.homesOf(HomeKind.device, 'dev-1');
  return { simulation, at, device, homes };
}

describe('A device that was deleted while its home stood still', () => {
  it('is nowhere when the home is back, and begins anew when it connects', () => {
    const { simulation, at, homes } = deleted(false);
    expect(homes()).toEqual(['a']);
    simulation.thaw(at('a'));
    simulation.run(5000);
    expect(homes()).toEqual([]);
    expect(at('a').host.devices.has('dev-1')).toBe(false);
    at('b').host.follow('dev-1');
    simulation.run(100);
    at('c').host.connectDevice(connection());
    simulation.run(2000);
    expect(homes()).toEqual(['c']);
    expect(at('b').host.got('dev-1').at(-1)).toMatchObject({ is: 'entry', seq: 0, node: 'c' });
  });

  it('is there again where an operator publishes for it, though others know of its end', () => {
    const { simulation, at, homes } = deleted(false);
    at('b').node.homes.hold(HomeKind.device, 'dev-1');
    at('b').host.devices.set('dev-1', {
      ...{ id: 'dev-1', epoch: 'new', seq: 1, history: [], held: [], connection: undefined },
    } as never);
    simulation.run(1000);
    expect(homes()).toEqual(['a', 'b']);
    simulation.thaw(at('a'));
    simulation.run(5000);
    expect(homes()).toEqual(['b']);
  });

  it('lives on where it is still connected', () => {
    const { simulation, at, device, homes } = deleted(true);
    simulation.thaw(at('a'));
    simulation.run(5000);
    expect(homes()).toEqual(['a']);
    at('a').host.disconnectDevice(device);
    simulation.run(100);
    // Though the node is lost once more before anybody hears of it.
    simulation.freeze(at('a'));
    simulation.run(2 * TIMEOUT_MS);
    simulation.thaw(at('a'));
    simulation.run(5000);
    expect(homes()).toEqual(['a']);
    expect(device.closed).toBeUndefined();
  });

  it('is where it has connected since, whatever becomes of it there', () => {
    const { simulation, at, homes } = deleted(false);
    const again = connection();
    at('b').host.connectDevice(again);
    simulation.run(2000);
    at('b').host.publish(again, 1);
    at('b').host.disconnectDevice(again);
    simulation.run(100);
    simulation.thaw(at('a'));
    simulation.run(5000);
    expect(homes()).toEqual(['b']);
  });

  it('is nowhere when the home was down, and is back with its snapshot', () => {
    const { simulation, at, homes } = deleted(false);
    simulation.kill(at('a'));
    simulation.run(100);
    simulation.start('a').node.homes.hold(HomeKind.device, 'dev-1');
    at('a').host.devices.set('dev-1', {
      ...{ id: 'dev-1', epoch: 'old', seq: 3, history: [], held: [], connection: undefined },
    } as never);
    simulation.run(5000);
    expect(homes()).toEqual([]);
  });
});
