/**
 * A node answers the beat of one that starts, but not when it has just sent a beat, and it did not make up for that. The
 * other listened for half a second, heard nothing, and went on as if the node were not there: without its answers to
 * claims and lookups, or, with the same id, in its place.
 */
import { describe, expect, it } from 'vitest';
import { Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

/** Between two beats of a node that is there: it beats once a second. */
const moments = Array.from({ length: 20 }, (_, n) => n * 50);

function clusterOf(name: string, atMs: number) {
  const simulation = new Simulation(new Random(1), 0);
  const there = simulation.start('a');
  simulation.run(3000 + atMs);
  simulation.nodes.set('the first', there);
  return { simulation, started: simulation.start(name) };
}

describe('A node that starts, whenever that is', () => {
  it.each(moments)('knows the nodes that are there when it is in (%i ms)', (atMs) => {
    const { simulation, started } = clusterOf('b', atMs);
    expect(simulation.runUntil(() => started.host.phases.includes('claiming'))).toBe(true);
    expect(started.node.members.get('a')).toBeDefined();
  });

  it.each(moments)('does not become ready if its id is in use (%i ms)', (atMs) => {
    const { simulation, started } = clusterOf('a', atMs);
    simulation.run(2000);
    expect(started.host.phases).toEqual([]);
  });
});
