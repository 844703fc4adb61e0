/**
 * A subscriber that an operator deleted while its home was coming back stayed there: the home had opened its sessions, so
 * no session that opened told it, and it took no calls yet. And a connection that was made at a home which was about to
 * give the deleted subscriber up, and found nobody to take it, had its subscriptions again.
 */
import { describe, expect, it } from 'vitest';
import { Phase } from '../../src/cluster/beats.ts';
import { HomeKind } from '../../src/cluster/records.ts';
import type { Connection } from '../cluster/support/fake-host.ts';
import { Simulation, TIMEOUT_MS } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

const kind = HomeKind.subscriber;
const connection = (): Connection => ({ id: 'ann', alive: true, closed: undefined });

/** `ann` has `dev-1` at a, which stands still. */
function awayAtA(seed = 1) {
  const simulation = new Simulation(new Random(seed), 100);
  for (const name of ['a', 'b', 'c', 'd']) {
    const { host } = simulation.start(name);
    host.onCall = (number) => host.endSubscriber('ann', Number(number));
  }
  simulation.run(3000);
  const at = (name: string) => simulation.nodes.get(name)!;
  const ann = connection();
  at('a').host.connectSubscriber(ann);
  simulation.run(100);
  at('a').host.subscribers.get('ann')!.kept.push('dev-1');
  at('a').host.disconnectSubscriber(ann);
  simulation.run(100);
  simulation.freeze(at('a'));
  simulation.run(2 * TIMEOUT_MS);
  /** As a hub does: there, and on every other node that takes a call. */
  const deleteAt = (name: string): void => {
    const { node, host } = at(name);
    const number = node.homes.endings.numberForAll(kind, 'ann');
    host.endSubscriber('ann', number);
    for (const other of simulation.nodes.keys())
      if (other !== name) void node.call(other, 'end', Buffer.from(String(number)));
  };
  const homes = () => simulation.homesOf(kind, 'ann');
  return { simulation, at, deleteAt, homes };
}

describe('A subscriber that is deleted while its home comes back', () => {
  it('is nowhere, though the home has claimed it already and takes no calls yet', () => {
    const { simulation, at, deleteAt, homes } = awayAtA();
    simulation.freeze(at('d')); // so that a waits for its answer
    simulation.thaw(at('a'));
    simulation.run(2000);
    expect(at('a').node.phase).toBe(Phase.claiming);
    expect([...at('b').node.members.all].map(({ node }) => node).sort()).toEqual(['a', 'c', 'd']);
    deleteAt('b');
    simulation.run(1000);
    simulation.kill(at('d')); // it would tell a, as their session opens later
    simulation.run(10_000);
    expect(homes()).toEqual([]);
    expect(at('a').host.subscribers.get('ann')).toBeUndefined();
  });

  it('has nothing of before where it connects to that home next, though nobody took it from there', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { simulation, at, deleteAt } = awayAtA(seed);
      const a = at('a');
      deleteAt('b');
      simulation.run(100);
      simulation.thaw(a);
      const isLeaving = () => a.node.homes.get(kind, 'ann')?.departure !== undefined;
      expect(simulation.runUntil(isLeaving)).toBe(true);
      simulation.freeze(a);
      simulation.run(2 * TIMEOUT_MS);
      simulation.thaw(a);
      simulation.run(50);
      a.host.connectSubscriber(connection());
      simulation.run(10_000);
      expect(a.host.subscribers.get('ann')?.kept, `seed ${seed}`).toEqual([]);
    }
  });
});
