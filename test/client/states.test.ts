/** What `state` holds when devices or filters have gone, or something changed while nothing was delivered. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { askedOf, type Peer, peerOf, snapshot } from '../support/fake-subscriber.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const idsIn = ({ subscriber }: Peer): string[] => [...subscriber.state.keys()].sort();

describe('the state of devices', () => {
  /** Follows `a.*`, which has a.1 to a.3, and b. */
  async function followerOf(): Promise<Peer> {
    const peer = await peerOf({ devices: ['a.*', 'b'] });
    const { socket } = peer;
    socket().welcome({ subscriber: 'me' });
    socket().frame({ op: 'subscribed', id: 1, devices: [snapshot('b')], errors: [] });
    answerFilter(peer, 2, 3);
    const devices = ['a.1', 'a.2', 'a.3'].map((device) => snapshot(device, 4));
    socket().frame({ op: 'subscribed', filter: 'a.*', devices, more: false });
    return peer;
  }

  function answerFilter({ socket }: Peer, id: number, matched: number): void {
    socket().frame({ op: 'subscribed', id, devices: [], filters: [{ filter: 'a.*', matched }], errors: [] });
  }

  it('does not hold what a filter no longer finds after a reconnect', async () => {
    const peer = await followerOf();
    const changes: unknown[] = [];
    peer.subscriber.on('change', (ids) => changes.push(ids));
    await peer.reconnect(['b']);
    answerFilter(peer, 4, 2);
    const page = (device: string, more: boolean) =>
      peer.socket().frame({ op: 'subscribed', filter: 'a.*', devices: [snapshot(device, 6)], more });
    page('a.2', true);
    expect(idsIn(peer)).toEqual(['a.1', 'a.2', 'a.3', 'b']);
    page('a.4', false);
    expect(idsIn(peer)).toEqual(['a.2', 'a.4', 'b']);
    expect(changes).toEqual([['a.2'], ['a.4', 'a.1', 'a.3']]);
  });

  it('holds it again when it is found, and what was missed is told', async () => {
    const peer = await followerOf();
    const gaps: unknown[] = [];
    peer.subscriber.on('gap', (gap) => gaps.push(gap));
    await peer.reconnect();
    peer.socket().frame({ op: 'subscribed', filter: 'a.*', devices: [], more: false });
    peer.socket().frame({ op: 'subscribed', filter: 'a.*', devices: [snapshot('a.1', 6)], more: false });
    expect(idsIn(peer)).toEqual(['a.1', 'b']);
    expect(gaps).toEqual([{ device: 'a.1', from: 5, to: 6, reason: 'reconnect' }]);
  });

  it('does not hold the devices of a filter that is refused after a reconnect', async () => {
    const peer = await followerOf();
    await peer.reconnect();
    const errors = [{ device: 'a.*', code: 103, message: 'not allowed' }];
    peer.socket().frame({ op: 'subscribed', id: 4, devices: [], errors });
    expect(idsIn(peer)).toEqual(['b']);
  });

  it('is asked for when subscriptions are active again: it changed while nothing was delivered', async () => {
    const { socket } = await followerOf();
    const notice = { op: 'status', devices: ['b'], filters: ['a.*'] };
    socket().frame({ ...notice, status: 'inactive', reason: 'silent' });
    const asked = askedOf(socket()).length;
    socket().frame({ ...notice, status: 'active', reason: 'activity' });
    // The devices of the filter come without being asked for.
    expect(askedOf(socket()).slice(asked)).toEqual([{ op: 'resume', devices: ['b'] }]);
  });
});
