/**
 * When another owner took over, the node on the cluster link was replaced, and what had been asked of the old one was never
 * answered: a request of an operator that waited for other nodes waited for ever.
 */
import { expect, it } from 'vitest';
import { Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

it('what waits for other nodes is answered with what is known when the node is over', async () => {
  const simulation = new Simulation(new Random(1), 0);
  const [a, b] = [simulation.start('a'), simulation.start('b')];
  simulation.run(3000);
  simulation.freeze(b);
  const located = a.node.locate('dev-1');
  const called = a.node.call('b', 'echo', Buffer.from(''));
  const confirmed = a.node.confirm(7, 'marker');
  a.node.stop();
  expect(await Promise.all([located, called, confirmed])).toMatchObject([undefined, { status: 503 }, ['b']]);
});

it('a change that the bucket takes when the node is over already is confirmed by nobody, at once', async () => {
  const simulation = new Simulation(new Random(1), 0);
  const [a] = [simulation.start('a'), simulation.start('b')];
  simulation.run(3000);
  a.node.stop();
  const confirmed = a.node.confirm(7, 'marker');
  expect(await Promise.race([confirmed, Promise.resolve('waits')])).toEqual(['b']);
});
