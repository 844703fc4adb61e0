/**
 * What an edge says may have to wait in its ring: while another owner takes over, and while requests of other edges come
 * first. When the edge died meanwhile, the owner took it after it had ended the edge's sessions: a device that had
 * connected stayed online though nobody held it, and its next connection waited for ever.
 */
import { describe, expect, it } from 'vitest';
import { writeSynced } from '../../src/records/requests.ts';
import { OwnerRings } from '../owner/owner-rings.ts';

const GRACE_MS = 15_000;

describe('a device that has just connected on an edge that dies', () => {
  it('is lost like the others where another owner is not whole yet', () => {
    const hub = new OwnerRings({ after: new OwnerRings() });
    writeSynced(hub.rings[1]!, { term: 0 });
    hub.poll();
    hub.join('device', 'dev-1', 1);
    hub.poll();
    hub.owner.edgeGone(1);
    writeSynced(hub.rings[0]!, { term: 0 });
    hub.poll();
    hub.poll();
    expectLost(hub);
  });

  it('is lost like the others where it stands behind a request that has to wait', () => {
    const hub = new OwnerRings();
    const subscribers = [0, 1].map((edge) => hub.join('subscriber', `s-${edge}`, edge));
    hub.poll();
    for (const session of subscribers) hub.ask(session, 'list');
    hub.poll(); // that of the first edge is held up
    hub.ask(subscribers[1]!, 'list');
    hub.join('device', 'dev-1', 1);
    hub.rings[1]!.commit();
    hub.owner.edgeGone(1);
    hub.poll();
    hub.poll();
    expectLost(hub);
  });
});

function expectLost(hub: OwnerRings): void {
  expect(hub.owner.hasRecords()).toBe(false);
  expect(hub.state('dev-1')).toBe('online');
  hub.pass(GRACE_MS + 10);
  expect(hub.state('dev-1')).toBe('offline');
}
