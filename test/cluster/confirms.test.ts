import { describe, expect, it, vi } from 'vitest';
import { Random } from '../support/random.ts';
import { Simulation } from './support/simulation.ts';

const BUCKET = 'b-1';

function cluster(names: readonly string[]): Simulation {
  const simulation = new Simulation(new Random(1), 0);
  for (const name of names) simulation.start(name);
  simulation.run(3000);
  return simulation;
}

/** Asks node a whether all obey. */
function confirm(simulation: Simulation, revision: number): { pending: string[] | undefined } {
  const asked: { pending: string[] | undefined } = { pending: undefined };
  void simulation.nodes
    .get('a')!
    .node.confirm(revision, BUCKET)
    .then((pending) => {
      asked.pending = pending;
    });
  return asked;
}

async function run(simulation: Simulation, ms: number): Promise<void> {
  simulation.run(ms);
  await Promise.resolve();
  await Promise.resolve();
}

describe('a revision of the bucket', () => {
  it('is confirmed when every node obeys it, and not before', async () => {
    const simulation = cluster(['a', 'b', 'c']);
    const asked = confirm(simulation, 7);
    await run(simulation, 100);
    simulation.nodes.get('b')!.node.confirms.obeys(7, BUCKET);
    simulation.nodes.get('c')!.node.confirms.obeys(6, BUCKET);
    await run(simulation, 100);
    expect(asked.pending).toBeUndefined();
    simulation.nodes.get('c')!.node.confirms.obeys(8, BUCKET);
    await run(simulation, 100);
    expect(asked.pending).toEqual([]);
  });

  it('is not confirmed by a node that obeys another bucket', async () => {
    const simulation = cluster(['a', 'b']);
    simulation.nodes.get('b')!.node.confirms.obeys(9, 'another');
    const asked = confirm(simulation, 7);
    await run(simulation, 5100);
    expect(asked.pending).toEqual(['b']);
  });

  it('names after five seconds who beat in the last minute and did not confirm', async () => {
    const simulation = cluster(['a', 'b', 'c']);
    simulation.nodes.get('b')!.node.confirms.obeys(7, BUCKET);
    simulation.kill(simulation.nodes.get('c')!);
    simulation.run(10_000);
    const asked = confirm(simulation, 7);
    await run(simulation, 4900);
    expect(asked.pending).toBeUndefined();
    await run(simulation, 200);
    expect(asked.pending).toEqual(['c']);
    simulation.run(60_000);
    const later = confirm(simulation, 7);
    await run(simulation, 100);
    expect(later.pending).toEqual([]);
  });

  it('has a node read the bucket that has not seen it within a second: what brings it the news may be dead', async () => {
    const simulation = cluster(['a', 'b']);
    const b = simulation.nodes.get('b')!;
    const read = vi.spyOn(simulation, 'readBucket');
    const asked = confirm(simulation, 7);
    await run(simulation, 800);
    expect(read).not.toHaveBeenCalled();
    await run(simulation, 1500);
    expect(read.mock.calls.map(([node]) => node)).toEqual([b]);
    b.node.confirms.obeys(7, BUCKET);
    await run(simulation, 100);
    expect(asked.pending).toEqual([]);
  });

  it('has a node read the bucket no more once nobody waits for it: it may be of a bucket that is gone', async () => {
    const simulation = cluster(['a', 'b']);
    const read = vi.spyOn(simulation, 'readBucket');
    const asked = confirm(simulation, 7);
    await run(simulation, 60_000);
    expect(asked.pending).toEqual(['b']);
    expect(read).toHaveBeenCalledTimes(1);
  });

  it('is asked of a node that comes back meanwhile', async () => {
    const simulation = cluster(['a', 'b']);
    const b = simulation.nodes.get('b')!;
    simulation.freeze(b);
    simulation.run(6000);
    const asked = confirm(simulation, 7);
    simulation.thaw(b);
    b.node.confirms.obeys(7, BUCKET);
    await run(simulation, 3000);
    expect(asked.pending).toEqual([]);
  });
});
