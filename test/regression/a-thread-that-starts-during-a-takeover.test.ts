/**
 * A thread with connections died while another owner took over. The thread that took its place found the owner's question
 * in the ring, and named a peer whose join was still unread. The owner took that for a newer connection of the same id, and
 * closed the peer, which has no other, as replaced by itself.
 */
import { expect, it } from 'vitest';
import { TwoEdges } from '../owner/two-edges.ts';

it.each(['device', 'gateway', 'subscriber'] as const)(
  'a %s of a thread that starts during a takeover is let in once, though it is named twice',
  (role) => {
    const hub = new TwoEdges();
    hub.replaceOwner();
    hub.owner.edgeGone(0);
    const session = hub.connect(0, 'x', role);
    hub.rejoin(0, session, 'x', false, role);
    for (const edge of [0, 1]) hub.synced(edge);
    for (let n = 0; n < 3; n++) hub.poll();
    expect(hub.owner.isWhole).toBe(true);
    expect(hub.told(0)).toEqual([{ kind: 'resync' }, { kind: 'joined', session }]);
  },
);

it('a device that waits for an older connection, too', () => {
  const hub = new TwoEdges();
  const older = hub.connect(1, 'x');
  hub.poll();
  hub.told(1);
  hub.replaceOwner();
  hub.owner.edgeGone(0);
  hub.rejoin(1, older, 'x', true);
  const session = hub.connect(0, 'x');
  hub.rejoin(0, session, 'x', false);
  for (const edge of [0, 1]) hub.synced(edge);
  for (let n = 0; n < 3; n++) hub.poll();
  expect(hub.told(1)).toEqual([{ kind: 'resync' }, { kind: 'release', session: older }]);
  hub.leave(1, older);
  for (let n = 0; n < 2; n++) hub.poll();
  expect(hub.told(0)).toEqual([{ kind: 'resync' }, { kind: 'joined', session }]);
});
