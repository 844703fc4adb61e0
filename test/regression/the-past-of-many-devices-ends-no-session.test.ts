/**
 * A request for the past of many devices of another node was answered all at once. What the home wrote for it was more than
 * may wait for a node, so the session between the two ended: every device that they followed at each other was joined
 * anew, with gaps, and the past did not come.
 */
import { expect, it } from 'vitest';
import { eventRecord } from '../../fixtures/event-records.ts';
import { eventBytes } from '../../src/cluster/event-record.ts';
import { Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

const DEVICES = 200;
const PAGE = 100;

it('the past of many devices comes as there is room for it, and the session goes on', () => {
  const simulation = new Simulation(new Random(1), 0);
  const [a, b] = [simulation.start('a'), simulation.start('b')];
  simulation.run(3000);
  const views = eventRecord({ seq: 1, payload: JSON.stringify('x'.repeat(1000)) });
  a.host.history = (peer, request) => {
    for (let n = 0; n < PAGE; n++) a.node.past(peer, request, views, 0, eventBytes(views, 0));
    a.node.pastEnd(peer, request, true, false, 'e');
  };
  const ids = Array.from({ length: DEVICES }, (_, n) => `dev-${n}`);
  for (const id of ids) {
    a.host.connectDevice({ id, alive: true, closed: undefined });
    b.host.follow(id);
  }
  simulation.run(1000);
  simulation.network.delayMs = [30, 40]; // so much takes its time
  const { resyncs } = a.node.figures;
  for (const id of ids) b.node.history(id, { epoch: '', after: 0, before: 9, max: PAGE });
  simulation.run(5000);
  expect(a.node.figures.resyncs).toBe(resyncs);
  expect(b.host.pasts.filter(({ found, seqs }) => found && seqs.length === PAGE)).toHaveLength(DEVICES);
});
