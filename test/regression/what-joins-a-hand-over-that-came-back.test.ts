/**
 * A node had handed a subscriber over, but the session ended before the other node had acknowledged that, so it kept the
 * subscriber. Then a third node handed it what it had of the subscriber. When the first two met, the other node took the
 * hand-over for the one that it had already, and what the third had kept was nowhere.
 */
import { expect, it } from 'vitest';
import { HomeKind } from '../../src/cluster/records.ts';
import { Simulation, TIMEOUT_MS } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

it('What another node gave since a hand-over came back is handed over with it', () => {
  const simulation = new Simulation(new Random(1), 100);
  for (const name of ['a', 'b', 'c']) simulation.start(name);
  simulation.run(3000);
  const at = (name: string) => simulation.nodes.get(name)!;
  const kept = (name: string) => at(name).host.subscribers.get('ann')?.kept;
  const follows = (name: string, ...devices: string[]): void => {
    const ann = { id: 'ann', alive: true, closed: undefined };
    at(name).host.connectSubscriber(ann);
    simulation.run(2000);
    kept(name)!.push(...devices);
    at(name).host.disconnectSubscriber(ann);
    simulation.run(100);
  };
  follows('c', 'dev-3');
  at('c').side = 1;
  simulation.run(2 * TIMEOUT_MS);
  follows('a', 'dev-1');
  // It moves to b, which has it before a hears so.
  at('b').host.connectSubscriber({ id: 'ann', alive: true, closed: undefined });
  expect(simulation.runUntil(() => kept('b')?.includes('dev-1') === true)).toBe(true);
  at('a').side = 1;
  simulation.run(2 * TIMEOUT_MS);
  // a has a copy, and meets c.
  expect(simulation.homesOf(HomeKind.subscriber, 'ann')).toEqual(['a', 'b']);
  expect(kept('a')!.toSorted()).toEqual(['dev-1', 'dev-3']);
  at('b').side = 1;
  simulation.run(2 * TIMEOUT_MS);
  expect(simulation.homesOf(HomeKind.subscriber, 'ann')).toEqual(['b']);
  expect(new Set(kept('b'))).toEqual(new Set(['dev-1', 'dev-3']));
});
