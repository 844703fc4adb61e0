/**
 * Two connections of one id came while there was no owner. The next one let the newer one in for the older one, then took
 * the edge's report of the older one for a newer connection: it closed the one that its client still has, for good.
 */
import { expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import { TwoEdges } from '../owner/two-edges.ts';

it.each(['subscriber', 'gateway'] as const)(
  'of two connections of a %s that came while there was no owner, the newer one stays',
  (role) => {
    const hub = new TwoEdges();
    const [older, newer] = [hub.connect(0, 'x', role), hub.connect(0, 'x', role)];
    hub.replaceOwner();
    for (const session of [older, newer]) hub.rejoin(0, session, 'x', false, role);
    for (const edge of [0, 1]) hub.synced(edge);
    for (let n = 0; n < 3; n++) hub.poll();
    expect(hub.owner.isWhole).toBe(true);
    const told = hub.told(0);
    expect(told.filter(({ kind }) => kind === 'closed')).toEqual([
      { kind: 'closed', session: older, code: closes.replaced.code },
    ]);
    expect(told).toContainEqual({ kind: 'joined', session: newer });
  },
);
