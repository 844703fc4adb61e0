/**
 * A node that had been told which devices match a filter, but not yet what they are like, answered the next subscriber of
 * the filter without them. They came later, without what their homes keep: as not recovered, and without last values.
 */
import { describe, expect, it } from 'vitest';
import { ringBytesFor } from '../../src/memory/ring.ts';
import { fromLink } from '../../src/records/cluster.ts';
import { ClusterOwner } from '../owner/cluster/cluster-owner.ts';

/** `ann` has asked for `dev-*`, of which another node has told two devices; one of them has been looked up. */
function lookingUp() {
  const hub = new ClusterOwner();
  const [ann, bob] = [hub.subscriber('ann'), hub.subscriber('bob')];
  hub.ask(ann, 'subscribe', ['dev-*']);
  hub.says(fromLink.listed, { prefix: 'dev-', ids: 'dev-1\ndev-2', done: true });
  hub.joined('dev-1', { ref: 1 });
  hub.hush();
  return { hub, bob };
}

const pastEnd = (hub: ClusterOwner, request: number) =>
  hub.says(fromLink.pastEnd, { request, found: true, more: false, epoch: 'abc' });
const answersTo = (hub: ClusterOwner, name: string) =>
  hub.got().filter((line) => line.startsWith(`answer ${name} `));
const asksOf = (hub: ClusterOwner) => hub.told().filter((line) => line.startsWith('askPast'));

describe('A filter whose devices are looked up for another subscriber', () => {
  it('is answered when all of them are known', () => {
    const { hub, bob } = lookingUp();
    hub.ask(bob, 'subscribe', ['dev-*']);
    expect(answersTo(hub, 'bob')).toEqual([]);
    hub.joined('dev-2', { ref: 2 });
    hub.settle();
    expect(answersTo(hub, 'bob')).toEqual(['answer bob 2 : dev-*=2']);
  });

  it('brings what their homes keep', () => {
    const { hub, bob } = lookingUp();
    hub.ask(bob, 'subscribe', ['dev-*'], true);
    hub.joined('dev-2', { ref: 2 });
    const asks = asksOf(hub);
    expect(asks.map((ask) => ask.split(' ')[2]).sort()).toEqual(['dev-1', 'dev-2']);
    expect(answersTo(hub, 'bob')).toEqual([]);
    for (const ask of asks) pastEnd(hub, Number(ask.split(' ')[1]));
    hub.settle();
    expect(answersTo(hub, 'bob')).toEqual(['answer bob 2 : dev-*=2']);
  });

  it('brings what the homes of those keep that are followed already, by however many', () => {
    const { hub, bob } = lookingUp();
    const cid = hub.subscriber('cid');
    hub.joined('dev-2', { ref: 2 });
    hub.settle();
    hub.ask(bob, 'subscribe', ['dev-*']);
    hub.settle();
    hub.hush();
    hub.ask(cid, 'subscribe', ['dev-*'], true);
    const asks = asksOf(hub);
    expect(asks).toHaveLength(2);
    expect(answersTo(hub, 'cid')).toEqual([]);
    for (const ask of asks) pastEnd(hub, Number(ask.split(' ')[1]));
    hub.settle();
    expect(answersTo(hub, 'cid')).toEqual(['answer cid 3 : dev-*=2']);
  });

  it('compares many of them a few at a time, so that nobody waits for it', () => {
    const devices = Array.from({ length: 12_000 }, (_, n) => `dev-${n}`);
    const hub = new ClusterOwner({
      capacity: { devices: 13_000, subscribers: 10, subscriptions: 30_000 },
      maxSubscriptionsPerSubscriber: 13_000,
      ringBytes: ringBytesFor(1024 * 1024),
    });
    hub.ask(hub.subscriber('ann'), 'subscribe', ['dev-*']);
    for (let at = 0; at < devices.length; at += 250)
      hub.says(fromLink.listed, {
        prefix: 'dev-',
        ids: devices.slice(at, at + 250).join('\n'),
        done: at + 250 >= devices.length,
      });
    for (const [ref, id] of devices.entries()) {
      hub.joined(id, { ref: ref + 1 });
      hub.hush();
    }
    for (let rounds = 0; rounds < 10; rounds++) {
      hub.settle();
      hub.hush();
    }
    /** Polls until the subscriber has its answer for filters that match nothing. */
    const pollsFor = (name: string, past: boolean, filters = 1): number => {
      const prefixes = Array.from({ length: filters }, (_, n) => `${name}-${n}-`);
      hub.ask(
        hub.subscriber(name),
        'subscribe',
        prefixes.map((prefix) => `${prefix}*`),
        past,
      );
      for (const prefix of prefixes) hub.hasSaid(fromLink.listed, { prefix, ids: '', done: true });
      hub.poll();
      let polls = 2;
      for (; answersTo(hub, name).length === 0; polls++) hub.poll();
      return polls;
    };
    const withoutPast = pollsFor('bob', false);
    const withPast = pollsFor('cid', true);
    expect(withPast).toBeGreaterThan(withoutPast);
    expect(pollsFor('dan', true, 4)).toBeGreaterThan(2 * withPast); // however many filters it names
  });
});
