/**
 * A claim is won in two steps: this node is the device's home, then what has waited is numbered. What the device sent, or an
 * operator published for it, between the two was numbered before that it was online and before what had waited.
 */
import { expect, it } from 'vitest';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';

it('what comes between the two steps of a claim is numbered behind what has waited', () => {
  const hub = new ClusterOwner();
  const ann = hub.subscriber('ann');
  hub.ask(ann, 'subscribe', ['dev-1']);
  hub.joined('dev-1');
  const device = hub.connectDevice('dev-1');
  hub.send(device, { payload: '"first"' });
  hub.adopt('device', 'dev-1');
  hub.hush();
  hub.send(device, { payload: '"second"' }, '1');
  expect(hub.publish('dev-1')).toMatchObject({ ok: false, why: 'unavailable' });
  expect(hub.got()).toEqual([]);
  hub.release('device', 'dev-1');
  expect(hub.got()).toEqual([
    expect.stringMatching(/^dev-1 #1 "first"/),
    expect.stringMatching(/^dev-1 #2 "second"/),
    'ack dev-1 #2',
  ]);
  expect(hub.publish('dev-1')).toMatchObject({ ok: true, seq: 3 });
});

it('a device that is new is online before what it sends', () => {
  const hub = new ClusterOwner();
  const device = hub.connectDevice('dev-1');
  hub.adopt('device', 'dev-1');
  hub.hush();
  hub.send(device, {}, '1');
  expect(hub.got()).toEqual([]);
  hub.release('device', 'dev-1');
  expect(hub.got()).toEqual(['ack dev-1 #2 skipped']);
});
