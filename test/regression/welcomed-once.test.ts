/**
 * A peer connected while there was no owner. The next one let it in, and died before it had read its edge's report. The
 * one after that took the report for news, and let the peer in once more: it was welcomed twice.
 */
import { expect, it } from 'vitest';
import type { HubSocket } from '../edge/hub-socket.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

it.each(['device', 'gateway', 'subscriber'] as const)(
  'a %s that came while there was no owner is welcomed once, though the owner that let it in died over that',
  async (role) => {
    const hub = new OneThreadHub();
    hub.isOwnerAway = true;
    const peer = (await hub.connect(role, 'id=p')) as HubSocket<unknown>;
    hub.replaceOwner();
    hub.edge.poll(); // it reports the peer
    hub.owner.poll(1); // of what the edge has said, that the peer is there
    hub.replaceOwner();
    await hub.settle();
    expect(hub.owner.isWhole).toBe(true);
    expect(peer.frames().filter(({ op }) => op === 'welcome')).toHaveLength(1);
  },
);
