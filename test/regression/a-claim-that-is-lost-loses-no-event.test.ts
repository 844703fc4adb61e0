/**
 * A device that connects to a node, sends, and connects to another before the first knew who numbers its events: what the
 * first held was dropped without a word.
 */
import { expect, it } from 'vitest';
import type { Connection, FakeHost } from '../cluster/support/fake-host.ts';
import { Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

const HISTORY = 1000;
const upTo = (last: number): number[] => Array.from({ length: last }, (_, n) => n + 1);

function cluster(names: readonly string[]): Simulation {
  const simulation = new Simulation(new Random(1), HISTORY);
  for (const name of names) simulation.start(name);
  simulation.run(3000);
  return simulation;
}

const host = (simulation: Simulation, name: string): FakeHost => simulation.nodes.get(name)!.host;

function connectAndSend(at: FakeHost, from: number, to: number): Connection {
  const made: Connection = { id: 'dev-1', alive: true, closed: undefined };
  at.connectDevice(made);
  for (let n = from; n <= to; n++) at.publish(made, n);
  return made;
}

function expectAll(simulation: Simulation, last: number): void {
  for (const [name, { host: of }] of simulation.nodes) {
    const got = of.got('dev-1');
    expect(
      got.flatMap((one) => (one.is === 'event' ? [one.payload] : [])),
      name,
    ).toEqual(upTo(last));
    expect(
      got.filter(({ is }) => is === 'gap'),
      name,
    ).toEqual([]);
  }
}

it.each([
  ['heard', 20],
  ['not heard', 0],
])('numbers what a device sent to a node whose claim was %s and lost', (_, laterMs) => {
  const simulation = cluster(['a', 'b', 'c']);
  simulation.network.delayMs = [5, 6];
  for (const name of ['a', 'b', 'c']) host(simulation, name).follow('dev-1');
  simulation.run(100);
  simulation.freeze(simulation.nodes.get('b')!); // whose answer settles the claim
  const first = connectAndSend(host(simulation, 'a'), 1, 100);
  simulation.run(laterMs);
  expect(host(simulation, 'a').devices.get('dev-1')).toMatchObject({ released: false });
  const second = connectAndSend(host(simulation, 'c'), 101, 200);
  simulation.run(100);
  simulation.thaw(simulation.nodes.get('b')!);
  simulation.run(1000);
  expect([first.closed, second.closed]).toEqual([4004, undefined]);
  expectAll(simulation, 200);
});

it('keeps the numbering of the home before both', () => {
  const simulation = cluster(['a', 'b', 'c', 'd']);
  simulation.network.delayMs = [5, 6];
  for (const name of ['a', 'b', 'c', 'd']) host(simulation, name).follow('dev-1');
  connectAndSend(host(simulation, 'd'), 1, 10);
  simulation.run(200);
  const { epoch } = host(simulation, 'd').devices.get('dev-1')!;
  simulation.freeze(simulation.nodes.get('b')!);
  connectAndSend(host(simulation, 'a'), 11, 20);
  simulation.run(30);
  connectAndSend(host(simulation, 'c'), 21, 30);
  simulation.run(100);
  simulation.thaw(simulation.nodes.get('b')!);
  simulation.run(1000);
  expectAll(simulation, 30);
  expect(host(simulation, 'c').devices.get('dev-1')).toMatchObject({ epoch, seq: 30 });
});
