/**
 * A device moved to a node that followed it, and that lost it to a third one at once. The follower had the old home's last
 * event then, and held what the third one sent for a second all the same.
 */
import { expect, it } from 'vitest';
import * as records from '../../src/cluster/records.ts';
import type { LinkSession } from '../../src/cluster/session.ts';
import { eventOf } from '../cluster/support/fake-host.ts';
import { Simulation } from '../cluster/support/simulation.ts';
import { Random } from '../support/random.ts';

const id = 'dev-1';

function tellEvent(session: LinkSession, handle: number, seq: number): void {
  const [views, bytes] = eventOf(handle, seq, seq);
  const at = session.claim(records.EVENT, bytes);
  session.views.u8.set(views.u8.subarray(0, bytes), at);
}

it('what the third home sends is passed on as soon as the first has sent its last', () => {
  const simulation = new Simulation(new Random(1), 0);
  const { host } = simulation.start('p');
  const [first, third] = [simulation.startRogue('a'), simulation.startRogue('c')];
  simulation.run(3000);
  const [a, c] = [first.sessionWith('p'), third.sessionWith('p')];
  const entry = { id, seq: 0, lastSeen: 0, state: 1, startState: 1, epoch: 'e', status: '' };
  host.follow(id);
  simulation.run(20);
  records.here.write(a, { id, number: 1, connected: true });
  simulation.run(20);
  records.followed.write(a, { ...entry, request: 1, handle: 5, number: 1 });
  records.seq.write(a, { handle: 5, seq: 0 });
  simulation.run(20);
  records.claim.write(c, { id, kind: 0, stamp: 1, number: 3, fresh: true, connected: true });
  simulation.run(20);
  records.followed.write(c, { ...entry, seq: 1, request: 2, handle: 7, number: 3 });
  tellEvent(c, 7, 2);
  simulation.run(20);
  const passed = () => host.got(id).flatMap((one) => (one.is === 'event' ? [one.seq] : []));
  tellEvent(a, 5, 1);
  simulation.run(20);
  expect(passed()).toEqual([1]);
  records.moved.write(a, { handle: 5, to: 'p', number: 2, seq: 1 });
  simulation.run(20);
  expect(passed()).toEqual([1, 2]);
});
