/** Claims that meet within milliseconds, in every order that a network allows: one connection is left, never none. */
import { describe, expect, it } from 'vitest';
import { HomeKind } from '../../src/cluster/records.ts';
import { Random } from '../support/random.ts';
import type { Connection } from './support/fake-host.ts';
import { Simulation } from './support/simulation.ts';

const RUNS = 300;

/** Three nodes that have joined; where the device is before, if anywhere, differs from run to run. */
function start(seed: number): { simulation: Simulation; random: Random; before: Connection | undefined } {
  const random = new Random(seed);
  const simulation = new Simulation(random, 10);
  for (const name of ['a', 'b', 'c']) simulation.start(name);
  simulation.run(3000);
  if (random.next() < 0.5) return { simulation, random, before: undefined };
  const before: Connection = { id: 'dev-1', alive: true, closed: undefined };
  simulation.nodes.get(random.pick(['a', 'b', 'c']))!.host.connectDevice(before);
  simulation.run(300);
  return { simulation, random, before };
}

const homesOf = (simulation: Simulation): string[] =>
  [...simulation.nodes.values()].filter(({ host }) => host.devices.has('dev-1')).map(({ name }) => name);

describe('a device that connects to several nodes within milliseconds', () => {
  it.each([2, 3])('keeps one of %i connections, at its home', (count) => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const { simulation, random, before } = start(seed);
      simulation.network.delayMs = random.pick([
        [0.1, 0.5],
        [0.2, 4],
        [3, 4],
      ]);
      const made: Connection[] = [];
      const nodes = ['a', 'b', 'c'].sort(() => random.next() - 0.5).slice(0, count);
      for (const name of nodes) {
        const connection: Connection = { id: 'dev-1', alive: true, closed: undefined };
        simulation.nodes.get(name)!.host.connectDevice(connection);
        made.push(connection);
        simulation.run(random.next() * 8);
      }
      simulation.run(1500);
      const open = [...made, before].filter((one) => one !== undefined && one.closed === undefined);
      expect(open, `seed ${seed}`).toHaveLength(1);
      const homes = homesOf(simulation);
      expect(homes, `seed ${seed}`).toHaveLength(1);
      const { host } = simulation.nodes.get(homes[0]!)!;
      expect(host.devices.get('dev-1')!.connection, `seed ${seed}`).toBe(open[0]);
    }
  });

  it('keeps the last one when the claims before it were answered', () => {
    const { simulation } = start(7);
    const made = ['a', 'b', 'c', 'a', 'c', 'b'].map((name) => {
      const connection: Connection = { id: 'dev-1', alive: true, closed: undefined };
      simulation.nodes.get(name)!.host.connectDevice(connection);
      simulation.run(200);
      return connection;
    });
    expect(made.map(({ closed }) => closed)).toEqual([4004, 4004, 4004, 4004, 4004, undefined]);
    expect(homesOf(simulation)).toEqual(['b']);
  });
});

describe('a gateway', () => {
  const gateway = (): Connection => ({ id: 'gw-1', alive: true, closed: undefined });
  const claimed = (simulation: Simulation): string[] => simulation.homesOf(HomeKind.gateway, 'gw-1');

  it('that connects to several nodes within milliseconds keeps one connection', () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const { simulation, random } = start(seed);
      const made = ['a', 'b', 'c', 'a'].map((name) => {
        const connection = gateway();
        simulation.nodes.get(name)!.host.connectGateway(connection);
        simulation.run(random.next() * 8);
        return connection;
      });
      simulation.run(1500);
      expect(
        made.filter(({ closed }) => closed === undefined),
        `seed ${seed}`,
      ).toHaveLength(1);
      expect(claimed(simulation), `seed ${seed}`).toHaveLength(1);
    }
  });

  it('takes its id over on another node, and is forgotten when it goes', () => {
    const { simulation } = start(2);
    const [first, second] = [gateway(), gateway()];
    simulation.nodes.get('a')!.host.connectGateway(first);
    simulation.run(100);
    simulation.nodes.get('b')!.host.connectGateway(second);
    simulation.run(100);
    expect([first.closed, second.closed]).toEqual([4004, undefined]);
    expect(claimed(simulation)).toEqual(['b']);
    simulation.nodes.get('b')!.host.disconnectGateway(second);
    simulation.run(100);
    expect(claimed(simulation)).toEqual([]);
  });

  it('that is connected on both sides of a split keeps one connection, the other is to connect again', () => {
    const { simulation } = start(2);
    const [first, second] = [gateway(), gateway()];
    const c = simulation.nodes.get('c')!;
    simulation.nodes.get('a')!.host.connectGateway(first);
    simulation.run(100);
    for (const way of ['sends', 'hears'] as const) c[way] = false;
    simulation.run(20_000);
    c.host.connectGateway(second);
    simulation.run(2000);
    expect([first.closed, second.closed]).toEqual([undefined, undefined]);
    for (const way of ['sends', 'hears'] as const) c[way] = true;
    simulation.run(20_000);
    expect([first.closed, second.closed].filter((code) => code !== undefined)).toEqual([4200]);
    expect(claimed(simulation)).toHaveLength(1);
  });

  it('is the home of nothing where a node hands over what it does not have', () => {
    const { simulation } = start(2);
    const { node } = simulation.nodes.get('a')!;
    const peer = { node: 'b', isOpen: true } as never;
    node.homes.departures.onHandOver(peer, { kind: HomeKind.gateway, id: 'gw-1', number: 3 }, [
      Buffer.from('{}'),
    ]);
    simulation.run(100);
    expect(claimed(simulation)).toEqual([]);
  });
});

describe('a home', () => {
  it('that its host forgets is nowhere; the next connection begins a new epoch', () => {
    const { simulation } = start(2);
    const { host, node } = simulation.nodes.get('a')!;
    host.connectDevice({ id: 'dev-9', alive: true, closed: undefined });
    simulation.run(100);
    const { epoch } = host.devices.get('dev-9')!;
    host.devices.delete('dev-9');
    node.homes.forget(HomeKind.device, 'dev-9');
    simulation.nodes.get('b')!.host.connectDevice({ id: 'dev-9', alive: true, closed: undefined });
    simulation.run(100);
    expect(simulation.nodes.get('b')!.host.devices.get('dev-9')!.epoch).not.toBe(epoch);
  });

  it('without a connection gives way to one with a connection, and keeps its place otherwise', () => {
    const { simulation } = start(2);
    const [a, b] = ['a', 'b'].map((name) => simulation.nodes.get(name)!);
    a!.host.adopt(HomeKind.device, 'dev-9', undefined, false); // as out of a snapshot
    a!.node.homes.hold(HomeKind.device, 'dev-9');
    simulation.run(100);
    expect(a!.host.devices.has('dev-9')).toBe(true);
    b!.host.connectDevice({ id: 'dev-9', alive: true, closed: undefined });
    simulation.run(100);
    expect(a!.host.devices.has('dev-9')).toBe(false);
    expect(b!.host.devices.get('dev-9')!.released).toBe(true);
  });

  it('held on two nodes ends on the one with the higher number', () => {
    const { simulation } = start(2);
    const [a, b] = ['a', 'b'].map((name) => simulation.nodes.get(name)!);
    for (const [node, number] of [
      [a!, 3],
      [b!, 2],
    ] as const) {
      node.host.adopt(HomeKind.device, 'dev-9', undefined, false);
      node.node.homes.hold(HomeKind.device, 'dev-9', number);
    }
    simulation.run(100);
    expect([a!, b!].filter(({ host }) => host.devices.has('dev-9'))).toEqual([a]);
  });
});
