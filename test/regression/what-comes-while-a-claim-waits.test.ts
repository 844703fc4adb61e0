/**
 * A device that other nodes number connects here. Until its claim is settled, what its home says was dropped, and if the
 * claim was lost, nobody said it again: a new numbering went to subscribers under the name of the old one, as events that
 * they had already, and other events were missing without a gap.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { HomeKind } from '../../src/cluster/records.ts';
import { DeviceState } from '../../src/presence/lifecycle.ts';
import { fromLink } from '../../src/records/cluster.ts';
import { WholeHub, type WholeSubscriber } from '../cluster/support/whole-hub.ts';
import { FakeClock } from '../support/fake-clock.ts';

const REF = 7;
const HISTORY_BYTES = 1024 * 1024;
const DEVICE = { kind: HomeKind.device, id: 'dev-1' };

describe('a device of another node that connects here', () => {
  let hub: WholeHub;
  let subscriber: WholeSubscriber;

  /** What the subscriber was told since the last call, in short. */
  function told(): string[] {
    hub.pollOwner();
    return subscriber.frames.all.splice(0).map((frame) => {
      if (frame.op === 'event') return `event ${frame.seq} ${JSON.stringify(frame.data)}`;
      if (frame.op === 'gap') return `gap ${frame.from}-${frame.to}`;
      const [entry] = (frame.devices ?? []) as { epoch: string; seq: number }[];
      return entry === undefined ? frame.op : `${frame.op} ${entry.epoch} ${entry.seq}`;
    });
  }

  function homeSays(epoch: string, seq: number): void {
    const state = DeviceState.online;
    hub.linkSays(fromLink.remote, {
      ref: REF,
      ...DEVICE,
      epoch,
      seq,
      state,
      startState: state,
      status: '',
      lastSeen: 1,
      node: 'b',
    });
    hub.linkSays(fromLink.caughtUp, { ref: REF });
    hub.pollOwner();
  }

  /** What the device's old home hands over: an entry as the old home's owner wrote it. */
  function adopt(epoch: string, seq: number): void {
    const entry = { epoch, seq, state: DeviceState.online, status: '', lastSeen: 1 };
    hub.linkSays(fromLink.adoptPart, { ...DEVICE, part: Buffer.from(JSON.stringify(entry)) });
    hub.linkSays(fromLink.adopt, { ...DEVICE, hasParts: true, late: false });
    hub.linkSays(fromLink.release, DEVICE);
    hub.pollOwner();
  }

  function lose(): void {
    hub.linkSays(fromLink.surrender, { ...DEVICE, conflict: false });
    hub.pollOwner();
  }

  function connect(): ReturnType<WholeHub['connectDevice']> {
    const device = hub.connectDevice('dev-1');
    hub.pollOwner();
    return device;
  }

  beforeEach(() => {
    hub = new WholeHub(new FakeClock(), HISTORY_BYTES);
    const claim = { kind: HomeKind.subscriber, id: 'sub-1' };
    subscriber = hub.connectSubscriber('sub-1');
    hub.pollOwner();
    hub.linkSays(fromLink.adopt, { ...claim, hasParts: false, late: false });
    hub.linkSays(fromLink.release, claim);
    hub.pollOwner();
    hub.ask(subscriber, 'subscribe', ['dev-1']);
    hub.pollOwner();
    homeSays('k1', 1);
    for (const seq of [2, 3]) hub.linkPasses(REF, seq, String(seq));
    expect(told()).toEqual(['welcome', 'subscribed k1 1', 'event 2 2', 'event 3 3']);
  });

  it('is told of by its home until the claim is settled', () => {
    const device = connect();
    hub.linkPasses(REF, 4, '4');
    hub.publish(device, '"held"');
    expect(told()).toEqual(['event 4 4']);
    adopt('k1', 4);
    expect(told()).toEqual(['event 5 "held"']);
  });

  it('has a new numbering that began meanwhile told before its events, when the claim is lost', () => {
    connect();
    homeSays('k2', 0);
    lose();
    for (const seq of [1, 2]) hub.linkPasses(REF, seq, `"new ${seq}"`);
    expect(told()).toEqual(['subscribed k2 0', 'event 1 "new 1"', 'event 2 "new 2"']);
  });

  it('leaves nothing out when the claim is lost', () => {
    connect();
    hub.linkPasses(REF, 4, '4');
    hub.linkSays(fromLink.remoteGap, { ref: REF, from: 5, to: 6 });
    lose();
    hub.linkPasses(REF, 7, '7');
    expect(told()).toEqual(['event 4 4', 'gap 5-6', 'event 7 7']);
  });

  it('stays in the table when its home removes it while the claim waits', () => {
    const device = connect();
    hub.linkSays(fromLink.gone, { ref: REF, terminated: true });
    hub.pollOwner();
    hub.linkSays(fromLink.adopt, { ...DEVICE, hasParts: false, late: false });
    hub.linkSays(fromLink.release, DEVICE);
    hub.pollOwner();
    expect(device.closed).toBeUndefined();
    expect(hub.reader.device(hub.reader.findDevice('dev-1'))?.state).toBe('online');
  });

  it('tells what was missed of a numbering that comes back', () => {
    homeSays('k2', 0);
    hub.linkPasses(REF, 1, '"new"');
    homeSays('k1', 5);
    hub.linkPasses(REF, 6, '6');
    expect(told()).toEqual(['subscribed k2 0', 'event 1 "new"', 'subscribed k1 3', 'gap 4-5', 'event 6 6']);
    connect();
    adopt('k2', 4);
    expect(told()).toEqual(['subscribed k2 1', 'gap 2-4']);
  });

  it('gets no number twice, whatever is handed over', () => {
    const device = connect();
    adopt('k1', 2); // of which subscribers have heard 3
    hub.publish(device, '"anew"');
    const [entry, ...events] = told();
    expect(entry).toMatch(/^subscribed (?!k1)\w+ 0$/);
    expect(events).toEqual(['event 1 "anew"']);
  });

  it('gets nothing twice that its home sends again', () => {
    hub.linkPasses(REF, 3, '3');
    hub.linkSays(fromLink.remoteGap, { ref: REF, from: 3, to: 4 });
    expect(told()).toEqual(['gap 4-4']);
  });
});
