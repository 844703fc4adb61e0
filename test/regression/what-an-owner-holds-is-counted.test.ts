/**
 * Events that wait in an owner's memory, for a connection that still has to end or for a claim: if they never reach a
 * follower, a counter says so.
 */
import { describe, expect, it } from 'vitest';
import { Counter } from '../../src/memory/counters.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';
import { handedOver } from '../owner/cluster/hand-overs.ts';
import { TwoEdges } from '../owner/two-edges.ts';

describe('for a connection on another edge', () => {
  function waits(): TwoEdges {
    const hub = new TwoEdges();
    hub.connect(0, 'dev');
    hub.poll();
    const newer = hub.connect(1, 'dev');
    for (const ack of ['1', '2']) hub.event(1, newer, ack);
    hub.poll();
    return hub;
  }

  it('are lost with the owner that dies', () => {
    const hub = waits();
    hub.replaceOwner();
    expect(hub.counters.cells[Counter.droppedOwnerRestart]).toBe(2);
  });

  it('are dropped with the device that an operator ends', () => {
    const hub = waits();
    hub.owner.operate({ kind: ToOwner.Terminate, device: 'dev' });
    expect(hub.counters.cells[Counter.droppedReplaced]).toBe(2);
    hub.replaceOwner();
    expect(hub.counters.cells[Counter.droppedOwnerRestart]).toBe(0);
  });
});

describe('for a claim', () => {
  function claims(): ClusterOwner {
    const hub = new ClusterOwner();
    const session = hub.connectDevice('dev-1');
    for (const payload of ['1', '2']) hub.send(session, { payload });
    return hub;
  }

  it('are lost with the owner that dies', () => {
    const hub = claims();
    hub.anotherOwnerAlone();
    expect(hub.count('droppedOwnerRestart')).toBe(2);
  });

  it('are no longer lost once they have been numbered', () => {
    const hub = claims();
    hub.adopt('device', 'dev-1');
    hub.release('device', 'dev-1');
    expect(hub.device('dev-1')).toMatch('#3');
    hub.anotherOwnerAlone();
    expect(hub.count('droppedOwnerRestart')).toBe(0);
  });

  it('are no longer lost once another node has them', () => {
    const hub = claims();
    hub.surrender('device', 'dev-1');
    expect(handedOver(hub).unnumbered).toHaveLength(2);
    hub.anotherOwnerAlone();
    expect(hub.count('droppedOwnerRestart')).toBe(0);
  });

  it('go along with a numbering that was here before they were released', () => {
    const hub = claims();
    hub.adopt('device', 'dev-1');
    hub.surrender('device', 'dev-1');
    const { entry, unnumbered } = handedOver(hub);
    expect(entry).toMatchObject({ seq: 0 });
    expect(unnumbered).toHaveLength(2);
  });

  it('are dropped with the device that an operator ends', () => {
    const hub = claims();
    hub.terminate('dev-1');
    expect(hub.count('droppedReplaced')).toBe(2);
    hub.anotherOwnerAlone();
    expect(hub.count('droppedOwnerRestart')).toBe(0);
  });

  it('are lost with the owner that dies when another node handed them over', () => {
    const hub = new ClusterOwner();
    hub.connectDevice('dev-1');
    hub.adopt('device', 'dev-1', [hub.eventPart(0), hub.eventPart(0)]);
    hub.anotherOwnerAlone();
    expect(hub.count('droppedOwnerRestart')).toBe(2);
  });
});
