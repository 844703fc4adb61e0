/**
 * A kick of a subscriber that no node had reached one of the nodes late. It closed the connection that the subscriber had
 * made there since then, and took what it had subscribed to.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { HomeKind } from '../../src/cluster/records.ts';
import type { Connection } from '../cluster/support/fake-host.ts';
import { Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

const kind = HomeKind.subscriber;

describe('A kick that comes late', () => {
  let simulation: Simulation;
  const at = (name: string) => simulation.nodes.get(name)!;
  const connect = (name: string): Connection => {
    const ann = { id: 'ann', alive: true, closed: undefined };
    at(name).host.connectSubscriber(ann);
    simulation.run(2000);
    return ann;
  };
  /** Operators kick ann at a, and c hears of it. */
  const kick = (): number => {
    const number = at('a').node.homes.endings.numberForAll(kind, 'ann');
    for (const name of ['a', 'c']) at(name).host.endSubscriber('ann', number);
    simulation.run(100);
    return number;
  };

  beforeEach(() => {
    simulation = new Simulation(new Random(1), 100);
    for (const name of ['a', 'b', 'c']) simulation.start(name);
    simulation.run(3000);
  });

  it('is not meant for who has connected there since', () => {
    const number = kick();
    connect('b');
    expect(at('b').node.homes.isNewer(kind, 'ann', number)).toBe(true);
    expect(at('b').node.homes.endings.number(kind, 'ann')).toBe(number);
  });

  it('nor for who still waits there for the answers of others', () => {
    const number = kick();
    at('b').host.connectSubscriber({ id: 'ann', alive: true, closed: undefined });
    expect(simulation.runUntil(() => at('b').node.homes.isNewer(kind, 'ann', number))).toBe(true);
  });

  it('is meant for who was there before, is there no more, or is just leaving', () => {
    connect('b');
    const number = kick();
    expect(at('b').node.homes.isNewer(kind, 'ann', number)).toBe(false);
    expect(at('c').node.homes.isNewer(kind, 'ann', number)).toBe(false);
    at('b').host.endSubscriber('ann', number);
    simulation.run(100);
    connect('b');
    expect(at('b').node.homes.isNewer(kind, 'ann', number)).toBe(true);
    at('a').host.connectSubscriber({ id: 'ann', alive: true, closed: undefined });
    const isLeaving = () => at('b').node.homes.get(kind, 'ann')?.departure !== undefined;
    expect(simulation.runUntil(isLeaving)).toBe(true);
    expect(at('b').node.homes.isNewer(kind, 'ann', number)).toBe(false);
  });
});
