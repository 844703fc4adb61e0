/**
 * When two nodes heard each other again, all that one had missed of the other's devices was replayed at once. What was more
 * than may wait for a node was shed and told as gaps, though history had it.
 */
import { expect, it } from 'vitest';
import { Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

const DEVICES = 1500;
const MISSED = 100;

it('a node that was away gets all that history kept of many devices meanwhile', () => {
  const simulation = new Simulation(new Random(1), 200);
  const [a, b] = [simulation.start('a'), simulation.start('b')];
  simulation.run(3000);
  const connections = Array.from({ length: DEVICES }, (_, n) => ({
    id: `dev-${n}`,
    alive: true,
    closed: undefined,
  }));
  for (const connection of connections) a.host.connectDevice(connection);
  for (const { id } of connections) b.host.follow(id);
  simulation.run(1000);
  for (const connection of connections) a.host.publish(connection, 0);
  simulation.run(1000);
  [b.sends, b.hears] = [false, false];
  simulation.run(7000);
  for (const connection of connections) for (let n = 1; n <= MISSED; n++) a.host.publish(connection, n);
  [b.sends, b.hears] = [true, true];
  simulation.network.delayMs = [60, 70]; // so much takes its time
  simulation.run(10_000);
  const missed = (got: readonly { is: string }[]) => got.filter(({ is }) => is === 'gap').length;
  const gaps = connections.reduce((sum, { id }) => sum + missed(b.host.got(id)), 0);
  const events = connections.map(({ id }) => b.host.got(id).filter(({ is }) => is === 'event').length);
  expect([gaps, Math.min(...events)]).toEqual([0, 1 + MISSED]);
});
