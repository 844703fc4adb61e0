/** A device that connects on one edge while another holds its older connection. */
import { describe, expect, it } from 'vitest';
import { eventRecord } from '../../fixtures/event-records.ts';
import { closes } from '../../src/codes.ts';
import { Counters, createCounters } from '../../src/memory/counters.ts';
import { Handovers, HELD_BYTES_MAX } from '../../src/owner/handovers.ts';
import { HeldEvents } from '../../src/owner/held-events.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { EventField } from '../../src/records/event.ts';
import type { Join } from '../../src/records/requests.ts';
import { TwoEdges } from './two-edges.ts';

/** One device, let in on edge 0. */
function held(): { hub: TwoEdges; older: number } {
  const hub = new TwoEdges();
  const older = hub.connect(0, 'dev');
  hub.poll();
  expect(hub.told(0)).toEqual([{ kind: 'joined', session: older }]);
  return { hub, older };
}

describe('a device that connects on another edge', () => {
  it('waits until the edge that holds it has let go', () => {
    const { hub, older } = held();
    const newer = hub.connect(1, 'dev');
    hub.poll();
    expect(hub.told(0)).toEqual([{ kind: 'release', session: older }]);
    expect(hub.told(1)).toEqual([]);
    hub.leave(0, older);
    hub.poll();
    expect(hub.told(1)).toEqual([{ kind: 'joined', session: newer }]);
    expect(hub.device('dev')).toMatchObject({ state: 'online', seq: 1 }); // 1: it came online, once
  });

  it('is the newer one by the order in which the connections came, not by that in which they are read', () => {
    const hub = new TwoEdges();
    const older = hub.connect(0, 'dev');
    hub.event(0, older, '1');
    const newer = hub.connect(1, 'dev');
    hub.event(1, newer, '2');
    hub.poll();
    expect(hub.told(0)).toEqual([
      { kind: 'joined', session: older },
      { kind: 'ack', session: older, seq: 2 },
      { kind: 'release', session: older },
    ]);
    hub.leave(0, older);
    hub.poll();
    expect(hub.told(1)).toEqual([
      { kind: 'joined', session: newer },
      { kind: 'ack', session: newer, seq: 3 },
    ]);
  });

  it('loses nothing that came over the older connection, and everything keeps its order', () => {
    const { hub, older } = held();
    const newer = hub.connect(1, 'dev');
    hub.event(1, newer, '3');
    hub.event(1, newer, '4');
    hub.poll(); // the ring of edge 1 is read first
    hub.event(0, older, '1');
    hub.event(0, older, '2');
    hub.leave(0, older);
    hub.poll();
    const acks = [...hub.told(0), ...hub.told(1)].filter(({ kind }) => kind === 'ack');
    expect(acks).toEqual([
      { kind: 'ack', session: older, seq: 2 },
      { kind: 'ack', session: older, seq: 3 },
      { kind: 'ack', session: newer, seq: 4 },
      { kind: 'ack', session: newer, seq: 5 },
    ]);
  });

  it('is offline in between when it had said goodbye on the older connection', () => {
    const { hub, older } = held();
    const newer = hub.connect(1, 'dev');
    hub.leave(0, older, true);
    hub.poll();
    expect(hub.told(1)).toEqual([{ kind: 'joined', session: newer }]);
    expect(hub.device('dev')).toMatchObject({ state: 'online', seq: 3 }); // online, offline, online
  });

  it('goes from edge to edge in the order in which it came', () => {
    const { hub, older } = held();
    const second = hub.connect(1, 'dev');
    hub.poll();
    const third = hub.connect(0, 'dev');
    hub.poll();
    expect(hub.told(0)).toEqual([{ kind: 'release', session: older }]);
    hub.leave(0, older);
    hub.poll();
    expect(hub.told(1)).toEqual([
      { kind: 'joined', session: second },
      { kind: 'release', session: second },
    ]);
    hub.leave(1, second);
    hub.poll();
    expect(hub.told(0)).toEqual([{ kind: 'joined', session: third }]);
  });

  it('has been there when its connection ends before the older one has', () => {
    const { hub, older } = held();
    const newer = hub.connect(1, 'dev');
    hub.event(1, newer, '1');
    hub.leave(1, newer, true);
    hub.leave(0, older);
    hub.poll();
    expect(hub.told(1)).toContainEqual({ kind: 'ack', session: newer, seq: 2 });
    expect(hub.device('dev')).toMatchObject({ state: 'offline' });
  });

  it('is confirmed to have left only after the acks of what it said before', () => {
    const { hub, older } = held();
    const newer = hub.connect(1, 'dev');
    hub.event(1, newer, '1');
    hub.leave(1, newer, true, true);
    hub.poll();
    expect(hub.told(1)).toEqual([]);
    hub.leave(0, older, false, true);
    hub.poll();
    expect(hub.told(0)).toContainEqual({ kind: 'left', session: older });
    expect(hub.told(1)).toEqual([
      { kind: 'joined', session: newer },
      { kind: 'ack', session: newer, seq: 2 },
      { kind: 'left', session: newer },
    ]);
  });

  it('is confirmed to have left when the device is terminated meanwhile', () => {
    const { hub } = held();
    const newer = hub.connect(1, 'dev');
    hub.leave(1, newer, true, true);
    hub.poll();
    hub.owner.operate({ kind: ToOwner.Terminate, device: 'dev' });
    expect(hub.told(1)).toEqual([
      { kind: 'closed', session: newer, code: closes.terminated.code },
      { kind: 'left', session: newer },
    ]);
  });

  it('is let in when the edge that holds it is gone', () => {
    const { hub } = held();
    const newer = hub.connect(1, 'dev');
    hub.poll();
    hub.owner.edgeGone(0);
    expect(hub.told(1)).toEqual([{ kind: 'joined', session: newer }]);
    expect(hub.device('dev')).toMatchObject({ state: 'online', seq: 1 });
  });

  it('is lost when its own edge goes while it waits', () => {
    const { hub, older } = held();
    hub.connect(1, 'dev');
    hub.poll();
    hub.owner.edgeGone(1);
    hub.leave(0, older);
    hub.poll();
    expect(hub.device('dev')).toMatchObject({ state: 'online', connectedAt: undefined }); // within its grace
  });

  it('is closed, too, when the device is terminated', () => {
    const { hub, older } = held();
    const newer = hub.connect(1, 'dev');
    hub.poll();
    hub.owner.operate({ kind: ToOwner.Terminate, device: 'dev' });
    const { code } = closes.terminated;
    expect(hub.told(0)).toContainEqual({ kind: 'closed', session: older, code });
    expect(hub.told(1)).toEqual([{ kind: 'closed', session: newer, code }]);
  });

  it('is refused events beyond what may wait, and they are counted', () => {
    const { hub, older } = held();
    const newer = hub.connect(1, 'dev');
    const payloadBytes = HELD_BYTES_MAX / 8;
    for (let n = 1; n <= 9; n++) hub.event(1, newer, String(n), payloadBytes);
    hub.poll();
    expect(hub.refused).toBe(2); // each has a head, too
    hub.leave(0, older);
    hub.poll();
    expect(hub.told(1).filter(({ kind }) => kind === 'ack')).toHaveLength(7);
    for (let n = 1; n <= 7; n++) hub.event(1, newer, String(n), payloadBytes);
    hub.poll();
    expect(hub.refused).toBe(2);
  });

  it('is let in by another owner when the first one dies meanwhile', () => {
    const { hub, older } = held();
    const newer = hub.connect(1, 'dev');
    hub.poll();
    hub.told(0);
    hub.replaceOwner();
    expect([hub.told(0), hub.told(1)]).toEqual([[{ kind: 'resync' }], [{ kind: 'resync' }]]);
    hub.rejoin(0, older, 'dev', true);
    hub.synced(0);
    hub.rejoin(1, newer, 'dev', false);
    hub.synced(1);
    hub.poll();
    hub.poll();
    expect(hub.told(0)).toContainEqual({ kind: 'release', session: older });
    hub.leave(0, older);
    hub.poll();
    expect(hub.told(1)).toContainEqual({ kind: 'joined', session: newer });
    expect(hub.device('dev')).toMatchObject({ state: 'online', seq: 1 });
  });
});

it('replaces an older connection of its own edge at once', () => {
  const { hub, older } = held();
  const newer = hub.connect(0, 'dev');
  hub.poll();
  expect(hub.told(0)).toEqual([
    { kind: 'closed', session: older, code: closes.replaced.code },
    { kind: 'joined', session: newer },
  ]);
});

describe('what sessions that wait have sent', () => {
  const join = (session: number) => ({ session }) as Join;
  const event = (payloadBytes: number) => eventRecord({ payload: new Uint8Array(payloadBytes) });

  it('may fill what there is for it to the last byte, again and again', () => {
    const handovers = new Handovers(new HeldEvents(new Counters(createCounters())));
    const all = event(HELD_BYTES_MAX - EventField.body);
    for (let n = 0; n < 3; n++) {
      handovers.wait(64, join(65));
      expect(handovers.hold(65, all, 0)).toBe(true);
      expect(handovers.hold(65, event(1), 0)).toBe(false);
      expect(handovers.take(64)[0]!.events).toHaveLength(1);
    }
  });
});
