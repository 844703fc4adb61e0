/**
 * An owner that took over died before it had read all that the edges said to it. The next one took the rest for their
 * report to itself: it dropped peers that the rest did not name, and closed others as replaced by themselves, with a code
 * after which no client comes back.
 */
import { expect, it } from 'vitest';
import { TwoEdges } from '../owner/two-edges.ts';

const peers = [
  ['device', 'dev-1'],
  ['gateway', 'gw-1'],
  ['subscriber', 's-1'],
  ['device', 'dev-2'],
  ['gateway', 'gw-2'],
  ['subscriber', 's-2'],
] as const;

it.each(Array.from({ length: peers.length + 1 }, (_, read) => read))(
  'peers stay connected though an owner died when it had read %i of what their edge said',
  (read) => {
    const hub = new TwoEdges();
    const sessions = peers.map(([role, id]) => hub.connect(0, id, role));
    hub.poll();
    expect(hub.told(0).map(({ kind }) => kind)).toEqual(peers.map(() => 'joined'));
    const report = (): void => {
      for (const [n, [role, id]] of peers.entries()) hub.rejoin(0, sessions[n]!, id, true, role);
      for (const edge of [0, 1]) hub.synced(edge);
    };
    hub.replaceOwner();
    report();
    hub.dieOver(0, read);
    hub.replaceOwner();
    for (let n = 0; n < 3; n++) hub.poll();
    expect(hub.owner.isWhole).toBe(false);
    report();
    for (let n = 0; n < 3; n++) hub.poll();
    expect(hub.owner.isWhole).toBe(true);
    expect(hub.told(0).filter(({ kind }) => kind !== 'resync')).toEqual([]);
    const { rows } = hub.owner.registry.subscribers;
    expect(Array.from(rows.session).filter((session) => sessions.includes(session))).toHaveLength(2);
    for (const id of ['dev-1', 'dev-2']) expect(hub.device(id)).toMatchObject({ state: 'online' });
  },
);
