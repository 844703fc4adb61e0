/**
 * Two operators who asked one node at once for the same device of another node: the answers went to the second, and the
 * first heard that the device is nowhere.
 */
import { expect, it } from 'vitest';
import { Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

it('everybody who asks where a device is hears it', async () => {
  const simulation = new Simulation(new Random(1), 0);
  for (const name of ['a', 'b', 'c']) simulation.start(name);
  simulation.run(3000);
  simulation.nodes.get('a')!.host.connectDevice({ id: 'dev-1', alive: true, closed: undefined });
  simulation.run(100);
  const { node } = simulation.nodes.get('b')!;
  const asked = [node.locate('dev-1'), node.locate('dev-1')];
  simulation.run(1);
  asked.push(node.locate('dev-1'), node.locate('dev-2'));
  simulation.run(100);
  expect(await Promise.all(asked)).toEqual(['a', 'a', 'a', undefined]);
});
