/**
 * A filter that went while nodes listed their devices for it, and came again, was called complete with the end of the old
 * list: without the devices that had been told to the filter before.
 */
import { expect, it } from 'vitest';
import type { Connection } from '../cluster/support/fake-host.ts';
import { Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

const IDS = Array.from({ length: 12 }, (_, n) => `dev-${n + 10}`);

it('a filter that comes again while its devices are listed is complete when all were told to it', () => {
  const simulation = new Simulation(new Random(1), 0);
  const [a, b] = ['a', 'b'].map((name) => simulation.start(name)) as [
    ReturnType<Simulation['start']>,
    ReturnType<Simulation['start']>,
  ];
  simulation.run(3000);
  for (const id of IDS) a.host.connectDevice({ id, alive: true, closed: undefined } satisfies Connection);
  simulation.run(2000);
  let told: string[] = [];
  let isDone = false;
  Object.assign(b.host, {
    listed: (_prefix: string, ids: readonly string[], done: boolean) => {
      if (!isDone) told.push(...ids);
      isDone ||= done;
    },
  });
  b.node.filter('dev-');
  while (told.length === 0) simulation.run(1);
  expect(isDone).toBe(false);
  b.node.unfilter('dev-');
  told = [];
  b.node.filter('dev-');
  simulation.run(1000);
  expect([isDone, told.sort()]).toEqual([true, IDS]);
});
