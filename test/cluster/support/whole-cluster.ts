/** Whole hubs that are part of one simulated cluster. Owner and link of each have their turns soon after one another. */
import { Random } from '../../support/random.ts';
import { Simulation } from './simulation.ts';
import { WholeHub } from './whole-hub.ts';

/** Hubs without history, which have found each other. */
export function wholeCluster(names: readonly string[], seed: number): Simulation<WholeHub> {
  const random = new Random(seed);
  const simulation: Simulation<WholeHub> = new Simulation<WholeHub>(
    random,
    () => new WholeHub(simulation.clock, 0),
  );
  for (const name of names) {
    const node = simulation.start(name);
    const turn = (): void => {
      node.host.pollOwner();
      simulation.cross(node, () => node.host.pollLink());
      simulation.after(0.2 + random.next() * 2, turn);
    };
    turn();
  }
  simulation.run(3000);
  return simulation;
}
