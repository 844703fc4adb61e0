/**
 * Two connections of one id came while there was no owner. The next one let the newer one in for the older one, then took
 * the edge's report of the older one for a newer connection: it closed the one that its client still has, for good. So it
 * did where the two were on different edges, and the edge of the newer one reported first or had been heard before.
 */
import { expect, it, vi } from 'vitest';
import { closes } from '../../src/codes.ts';
import { type Told, TwoEdges } from '../owner/two-edges.ts';

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

/**
 * Both edges have reported: the connection on the second one is let in, or stays, and the older one is closed.
 * @returns what the second edge was told
 */
function expectNewer(hub: TwoEdges, older: number): Told[] {
  for (const edge of [0, 1]) hub.synced(edge);
  for (let n = 0; n < 3; n++) hub.poll();
  expect(hub.owner.isWhole).toBe(true);
  const [told, toldNewer] = [hub.told(0), hub.told(1)];
  expect(toldNewer.filter((one) => isClosed(one) || one.kind === 'release')).toEqual([]);
  if (told.some(({ kind }) => kind === 'release')) return toldNewer; // its edge closes it as replaced
  expect(told.filter(isClosed)).toEqual([{ kind: 'closed', session: older, code: closes.replaced.code }]);
  return toldNewer;
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

it.each(roles)(
  'a %s that an owner had half let in as it died stays, though an older connection of it is heard of only now',
  (role) => {
    const hub = new TwoEdges();
    const older = hub.opens(0);
    const newer = hub.connect(1, 'x', role);
    vi.spyOn(hub.owner, 'flush').mockImplementation(() => {
      throw new Error('died');
    });
    expect(() => hub.poll()).toThrow('died');
    hub.replaceOwner();
    hub.rejoin(0, older, 'x', false, role);
    hub.rejoin(1, newer, 'x', false, role);
    expect(expectNewer(hub, older)).toContainEqual({ kind: 'joined', session: newer });
  },
);
