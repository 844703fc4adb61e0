/**
 * Two connections of one id came while there was no owner. The next one let the newer one in for the older one, then took
 * the edge's report of the older one for a newer connection: it closed the one that its client still has, for good. So it
 * did where the two were on different edges, and the edge of the newer one reported first or had been heard before.
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

const roles = ['device', 'gateway', 'subscriber'] as const;
const isClosed = ({ kind }: { readonly kind: string }): boolean => kind === 'closed';

/** Both edges have reported: the connection on the second one is let in, or stays, and the older one is closed. */
function expectNewer(hub: TwoEdges, older: number): void {
  for (const edge of [0, 1]) hub.synced(edge);
  for (let n = 0; n < 3; n++) hub.poll();
  expect(hub.owner.isWhole).toBe(true);
  expect(hub.told(1).filter(isClosed)).toEqual([]);
  const told = hub.told(0);
  if (told.some(({ kind }) => kind === 'release')) return; // its edge closes it as replaced
  expect(told.filter(isClosed)).toEqual([{ kind: 'closed', session: older, code: closes.replaced.code }]);
}

it.each(roles)(
  'of two connections of a %s on two edges, the newer one stays, whichever edge reports first',
  (role) => {
    const hub = new TwoEdges();
    const [older, newer] = [hub.connect(0, 'x', role), hub.connect(1, 'x', role)];
    for (const edge of [0, 1]) hub.dieOver(edge, 1);
    hub.replaceOwner();
    hub.rejoin(1, newer, 'x', false, role);
    hub.poll();
    hub.rejoin(0, older, 'x', false, role);
    expectNewer(hub, older);
  },
);

it.each(roles)(
  'a %s that was let in stays, though an older connection of it is heard of only now',
  (role) => {
    const hub = new TwoEdges();
    const older = hub.opens(0);
    const newer = hub.connect(1, 'x', role);
    hub.poll();
    hub.rejoin(0, older, 'x', false, role);
    hub.replaceOwner();
    hub.rejoin(0, older, 'x', false, role);
    hub.poll();
    hub.rejoin(1, newer, 'x', true, role);
    expectNewer(hub, older);
  },
);
