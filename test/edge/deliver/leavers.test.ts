import { describe, expect, it } from 'vitest';
import { closes } from '../../../src/codes.ts';
import { LEAVES_PER_TURN, Leavers } from '../../../src/edge/deliver/leavers.ts';
import type { SubscriberSession } from '../../../src/edge/deliver/subscriber-session.ts';
import { FakeThread } from './fake-thread.ts';

/** Sessions are sets of devices. */
function bench() {
  const left: string[] = [];
  const later: (() => void)[] = [];
  const peer = (name: string, count: number) => {
    const devices = new Set(Array.from({ length: count }, (_, n) => n));
    return {
      name,
      devices,
      get deviceCount() {
        return devices.size;
      },
      someDevices: (most: number) => [...devices].slice(0, most),
    } as unknown as SubscriberSession & { readonly name: string; readonly devices: Set<number> };
  };
  const leavers = new Leavers({
    leave(session, device, open) {
      const { name, devices } = session as ReturnType<typeof peer>;
      if (!devices.delete(device)) throw new Error(`${name} has left ${device} already`);
      left.push(`${name} ${open ? 'open' : 'closed'}`);
    },
    soon: (work) => void later.push(work),
  });
  /** @returns the devices left in the turn; -1: none was asked for */
  const turn = (): number => {
    const before = left.length;
    const works = later.splice(0);
    expect(works.length).toBeLessThanOrEqual(1);
    for (const work of works) work();
    return works.length === 0 ? -1 : left.length - before;
  };
  return { leavers, left, peer, turn };
}

describe('a session that is over', () => {
  it('leaves its topics at once when it has few', () => {
    const { leavers, left, peer, turn } = bench();
    leavers.add(peer('a', LEAVES_PER_TURN), true);
    expect(left).toHaveLength(LEAVES_PER_TURN);
    expect(turn()).toBe(-1);
  });

  it('leaves a bounded number in a turn when it has many', () => {
    const { leavers, left, peer, turn } = bench();
    leavers.add(peer('a', 50_000), false);
    leavers.add(peer('b', 1000), false);
    expect([...leavers.sessions]).toHaveLength(2);
    const turns: number[] = [];
    for (let done = turn(); done >= 0; done = turn()) turns.push(done);
    expect(Math.max(...turns)).toBe(LEAVES_PER_TURN);
    expect(left).toHaveLength(51_000);
    expect([...leavers.sessions]).toEqual([]);
  });

  it('leaves as one whose socket has closed from the moment that it has', () => {
    const { leavers, left, peer, turn } = bench();
    const a = peer('a', 1000);
    leavers.add(a, true);
    turn();
    leavers.add(a, false);
    while (turn() >= 0) {}
    expect(left.filter((one) => one === 'a open')).toHaveLength(LEAVES_PER_TURN);
    expect(left.filter((one) => one === 'a closed')).toHaveLength(1000 - LEAVES_PER_TURN);
  });
});

describe('a slot whose device is another while a session leaves', () => {
  it('has a topic of its own, of which the one that leaves is no part', () => {
    const thread = new FakeThread();
    const many = Array.from({ length: LEAVES_PER_TURN + 1 }, (_, n) => n);
    const [leaving, follower] = [thread.subscriber(many), thread.subscriber()];
    leaving.session.close(closes.kicked);
    thread.attach(follower, 3, 'another');
    thread.poll();
    expect(leaving.topics.size).toBe(LEAVES_PER_TURN); // all but the topic of that slot
    thread.events(3, 'normal');
    expect(follower.news()).toBe('another:1');
    expect(leaving.news()).toBe('');
  });
});
