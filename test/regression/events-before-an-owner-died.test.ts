/**
 * Events that devices had sent while there was no owner were lost, and counted nowhere, when the device then left or
 * connected again before the next owner served: it took the leaves and joins at once, and the events after them.
 */
import { expect, it } from 'vitest';
import { TwoEdges } from '../owner/two-edges.ts';

function ownerless() {
  const hub = new TwoEdges();
  const session = hub.connect(0, 'dev');
  hub.poll();
  hub.told(0);
  hub.event(0, session, '1');
  hub.event(0, session, '2');
  return { hub, session };
}

/** The edges answer the new owner. @param named sessions that edge 0 still holds, with whether they were welcomed */
function recover(hub: TwoEdges, named: readonly (readonly [session: number, isWelcome: boolean])[]): void {
  hub.replaceOwner();
  for (const [session, isWelcome] of named) hub.rejoin(0, session, 'dev', isWelcome);
  for (const edge of [0, 1]) hub.synced(edge);
  hub.poll();
  hub.poll();
}

it('are numbered when the device has left since', () => {
  const { hub, session } = ownerless();
  hub.leave(0, session, true);
  recover(hub, []);
  expect(hub.told(0)).toContainEqual({ kind: 'ack', session, seq: 3 });
  expect(hub.device('dev')).toMatchObject({ state: 'offline', seq: 4 });
});

it('are numbered when the device has connected again since, and before its newer ones', () => {
  const { hub, session } = ownerless();
  const newer = hub.connect(0, 'dev');
  hub.event(0, newer, '3');
  recover(hub, [
    [session, true],
    [newer, false],
  ]);
  expect(hub.told(0)).toContainEqual({ kind: 'release', session });
  hub.leave(0, session);
  hub.poll();
  expect(hub.told(0)).toEqual([
    { kind: 'joined', session: newer },
    { kind: 'ack', session: newer, seq: 4 },
  ]);
  expect(hub.device('dev')).toMatchObject({ state: 'online', seq: 4 });
});

it('are numbered when their edge has died too', () => {
  const { hub, session } = ownerless();
  hub.commit();
  hub.replaceOwner();
  hub.owner.edgeGone(0);
  hub.synced(1);
  hub.poll();
  expect(hub.told(0)).toContainEqual({ kind: 'ack', session, seq: 3 });
  expect(hub.device('dev')).toMatchObject({ state: 'online', connectedAt: undefined });
});
