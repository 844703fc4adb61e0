/**
 * A node asks a home again when its subscriptions change, and only the newest answer counts. When the change came before
 * the first answer, the second request forgot that the home had claimed the device while it was followed: what the device
 * had sent until then was neither replayed nor told as a gap.
 */
import { describe, expect, it } from 'vitest';
import { Level } from '../../src/cluster/records.ts';
import { Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

const id = 'dev-1';

/** Node `b` follows the device, which then connects to `a`, and asks `a` a second time before it has an answer. */
function askedTwice(historyEvents: number) {
  const simulation = new Simulation(new Random(1), historyEvents);
  const [a, b] = [simulation.start('a'), simulation.start('b')];
  simulation.run(3000);
  b.host.follow(id);
  simulation.run(100);
  const connection = { id, alive: true, closed: undefined };
  a.host.connectDevice(connection);
  for (const payload of [1, 2, 3]) a.host.publish(connection, payload);
  while (a.host.devices.get(id)?.seq !== 3) simulation.run(0.1);
  expect(b.node.follows.get(id)?.current).toBeDefined();
  expect(b.node.follows.get(id)?.current?.entry).toBeUndefined();
  b.node.follows.want(id, Level.active, undefined, false);
  simulation.run(100);
  return b.host.got(id).filter(({ is }) => is === 'event' || is === 'gap');
}

describe('What a device sends while a node asks twice to follow it', () => {
  it('is replayed from history', () => {
    expect(askedTwice(10)).toMatchObject([1, 2, 3].map((seq) => ({ is: 'event', seq })));
  });

  it('is told as a gap without history', () => {
    expect(askedTwice(0)).toMatchObject([{ is: 'gap', from: 1, to: 3 }]);
  });
});
