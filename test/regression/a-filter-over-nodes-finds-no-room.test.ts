/**
 * A filter that matched more devices of other nodes than the table has room for followed some of them, and its subscriber
 * was not told that it lacked the others. They were not looked for again when there was room.
 */
import { describe, expect, it } from 'vitest';
import { fromLink } from '../../src/records/cluster.ts';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';

const capacity = { devices: 2, subscribers: 4, subscriptions: 20 };
const told = (hub: ClusterOwner) => hub.got().filter((line) => line.startsWith('filterFull'));

/** `ann` follows `q-*`, of which other nodes have so many devices. */
function following(devices: readonly string[]) {
  const hub = new ClusterOwner({ capacity });
  const ann = hub.subscriber('ann');
  hub.ask(ann, 'subscribe', ['q-*']);
  hub.says(fromLink.listed, { prefix: 'q-', ids: devices.join('\n'), done: true });
  for (const [n, id] of devices.slice(0, capacity.devices).entries()) hub.joined(id, { ref: n + 1 });
  hub.settle();
  return { hub, ann };
}

describe('A filter that matches devices of other nodes for which there is no room', () => {
  it('says so when it is there, once', () => {
    const { hub } = following(['q-1', 'q-2', 'q-3']);
    expect(told(hub)).toEqual([expect.stringMatching(/^filterFull ann : q-\*/)]);
    hub.says(fromLink.appeared, { id: 'q-4' });
    hub.settle();
    expect(told(hub)).toEqual([]);
  });

  it('says so when a device appears later, to each connection', () => {
    const { hub, ann } = following(['q-1', 'q-2']);
    expect(told(hub)).toEqual([]);
    hub.says(fromLink.appeared, { id: 'q-3' });
    hub.says(fromLink.appeared, { id: 'other' });
    hub.settle();
    expect(told(hub)).toHaveLength(1);
    hub.disconnect(ann);
    hub.connectSubscriber('ann');
    hub.settle();
    hub.says(fromLink.appeared, { id: 'q-3' });
    hub.settle();
    expect(told(hub)).toHaveLength(1);
  });

  it('says so, too, where it names the whole id of the device', () => {
    const { hub, ann } = following(['q-1', 'q-2']);
    hub.ask(ann, 'subscribe', ['q-3*']);
    hub.settle();
    expect(told(hub)).toEqual([]);
    hub.says(fromLink.appeared, { id: 'q-3' });
    hub.settle();
    const filters = told(hub).flatMap((line) => line.match(/q-[^=]*\*/g) ?? []);
    expect(filters.sort()).toEqual(['q-*', 'q-3*']);
  });

  it('says so though it took the place of another that the connection was told of', () => {
    const { hub, ann } = following(['q-1', 'q-2', 'q-3']);
    expect(told(hub)).toHaveLength(1);
    hub.ask(hub.subscriber('bob'), 'subscribe', ['other-*']);
    hub.says(fromLink.listed, { prefix: 'other-', ids: '', done: true });
    hub.ask(ann, 'unsubscribe', ['q-*']);
    hub.pass(10);
    hub.ask(ann, 'subscribe', ['r-*']);
    hub.says(fromLink.listed, { prefix: 'r-', ids: ['r-1', 'r-2', 'r-3'].join('\n'), done: true });
    for (const [n, id] of ['r-1', 'r-2'].entries()) hub.joined(id, { ref: n + 4 });
    hub.settle();
    expect(told(hub)).toEqual([expect.stringMatching(/^filterFull ann : r-\*/)]);
  });

  it('says nothing while it is paused, nor where there is room', () => {
    const { hub, ann } = following(['q-1', 'q-2']);
    hub.ask(ann, 'pause', ['q-*']);
    hub.settle();
    hub.says(fromLink.appeared, { id: 'q-3' });
    hub.settle();
    expect(told(hub)).toEqual([]);
  });

  it('says nothing of a subscriber that is away, nor of its other filters', () => {
    const { hub, ann } = following(['q-1', 'q-2']);
    hub.ask(ann, 'subscribe', ['r-*']);
    hub.says(fromLink.listed, { prefix: 'r-', ids: '', done: true });
    hub.says(fromLink.appeared, { id: 'q-3' });
    hub.settle();
    expect(told(hub)).toEqual([expect.not.stringContaining('r-*')]);
    hub.disconnect(ann);
    hub.says(fromLink.appeared, { id: 'q-4' });
    hub.settle();
    expect(told(hub)).toEqual([]);
  });

  it('looks for them when it is subscribed to again', () => {
    const { hub, ann } = following(['q-1', 'q-2', 'q-3']);
    hub.says(fromLink.gone, { ref: 1, terminated: false });
    hub.pass(10);
    hub.hush();
    hub.ask(ann, 'subscribe', ['q-*']);
    expect(hub.told()).toContainEqual(expect.stringMatching(/^want q-3 active/));
    hub.joined('q-3', { ref: 3 });
    hub.settle();
    expect(hub.row('q-3', 'ann')).toBe('active');
    expect(told(hub)).toEqual([]);
  });
});
