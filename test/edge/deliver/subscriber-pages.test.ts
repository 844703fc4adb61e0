/** Pages of the devices that a filter follows, from the owner's record to the frame. */
import { describe, expect, it } from 'vitest';
import { NO_BYTES, Refusal } from '../../../src/records/replies.ts';
import { OwnerSays, pageOf, since } from './owner-says.ts';

describe('a page of a filter', () => {
  it('names devices that it follows from here on; the next is asked for where it waits', () => {
    const bench = new OwnerSays();
    const { session, thread, socket } = bench;
    bench.say((link) => link.filterPage(session, 'x.*', pageOf(0, 1), 7, true, true));
    expect(socket.frames).toMatchObject([
      { op: 'subscribed', filter: 'x.*', devices: [{ device: 'd0' }, { device: 'd1' }], more: true },
    ]);
    expect(thread.owner.take()).toEqual([{ record: 'more', session, request: 7 }]);
    bench.say((link) => link.filterPage(session, 'x.*', pageOf(2), 7, false));
    expect(socket.frames.at(-1)).toMatchObject({ devices: [{ device: 'd2' }], more: false });
    expect(thread.owner.take()).toEqual([]);
  });

  it('brings the past that its subscribe asked for, to the last page', () => {
    const bench = new OwnerSays();
    const { session, socket } = bench;
    bench.ask(['d*'], since(0, 1, 2));
    bench.say((link) => {
      link.answer({ session, request: 1 }, NO_BYTES, [], false, [{ filter: 'd*', value: 3 }]);
      link.filterPage(session, 'd*', pageOf(0), 7, true, false);
      link.filterPage(session, 'd*', pageOf(1), 7, false);
      link.filterPage(session, 'd*', pageOf(2), 0, false);
    });
    const devices = socket.frames.slice(1).flatMap((frame) => frame.devices as readonly object[]);
    expect(devices).toMatchObject([
      { device: 'd0', recovered: true },
      { device: 'd1', recovered: true },
      { device: 'd2' },
    ]);
    expect(devices[2]).not.toHaveProperty('recovered');
  });

  it('brings no past that a refused subscribe asked for, and nothing is kept of that', () => {
    const bench = new OwnerSays();
    const { session, socket } = bench;
    bench.ask(['d*', 'e*'], since(0));
    const refused = [{ device: 'd*', why: Refusal.tooManyFilters }];
    bench.say((link) =>
      link.answer({ session, request: 1 }, NO_BYTES, refused, false, [{ filter: 'e*', value: 0 }]),
    );
    bench.say((link) => link.filterPage(session, 'e*', NO_BYTES, 7, false));
    expect(socket.session.requests).toBeUndefined();
    bench.say((link) => link.filterPage(session, 'd*', pageOf(0), 8, false));
    expect(socket.frames.at(-1)?.devices?.[0]).not.toHaveProperty('recovered');
  });

  it('names what the session gets already, and says that its position was refused', () => {
    const bench = new OwnerSays();
    const { session, thread, socket } = bench;
    thread.attach(socket, 0);
    thread.poll();
    bench.ask(['d*'], since(0, 1));
    bench.say((link) => {
      link.answer({ session, request: 1 }, NO_BYTES, [], false, [{ filter: 'd*', value: 2 }]);
      link.filterPage(session, 'd*', pageOf(0, 1), 7, false);
    });
    const [, page] = socket.frames;
    expect(page).toMatchObject({
      devices: [{ device: 'd0' }, { device: 'd1', recovered: true }],
      errors: [{ device: 'd0', code: 107 }],
    });
    expect(page?.devices?.[0]).not.toHaveProperty('recovered');
  });

  it('brings the past of a device once, though its request names it in several ways', () => {
    const bench = new OwnerSays();
    const { session, socket } = bench;
    bench.ask(['d0', 'd*', '*'], since(0, 1));
    bench.say((link) => {
      link.answer({ session, request: 1 }, pageOf(0), [], false, [
        { filter: 'd*', value: 2 },
        { filter: '*', value: 2 },
      ]);
      link.attach(session, 0, 'd0', 0);
      for (const [n, filter] of ['d*', '*'].entries()) {
        link.filterPage(session, filter, pageOf(0, 1), 7 + n, false);
        for (const device of [0, 1]) link.attach(session, device, `d${device}`, 0);
      }
    });
    const [answer, ...pages] = socket.frames;
    expect(answer).toMatchObject({ devices: [{ device: 'd0', recovered: true }] });
    expect(pages).toMatchObject([
      { filter: 'd*', devices: [{ device: 'd0' }, { device: 'd1', recovered: true }] },
      { filter: '*', devices: [{ device: 'd0' }, { device: 'd1' }] },
    ]);
    for (const page of pages) expect(page).not.toHaveProperty('errors');
  });

  it('makes its subscriber slow where that does not read', () => {
    const bench = new OwnerSays({ sendQueueBytes: 50, sendQueueMaxBytes: 1000 });
    bench.socket.stalled = true;
    bench.say((link) => link.filterPage(bench.session, 'x.*', pageOf(0), 7, false));
    expect(bench.thread.count('laggingSubscribers')).toBe(1);
  });

  it('costs as many devices as it names', () => {
    const bench = new OwnerSays({ subscriberRate: 1, subscriberBurst: 10 });
    const { session, thread, socket } = bench;
    bench.say((link) => link.filterPage(session, 'x.*', pageOf(0, 1), 7, false));
    expect(thread.usedMs(socket.session)).toBeCloseTo(40, 6);
  });

  it('comes behind the events of its devices that came before', () => {
    const bench = new OwnerSays();
    const { session, thread, socket } = bench;
    thread.attach(socket, 0);
    thread.poll();
    thread.event(0);
    bench.say((link) => link.filterPage(session, 'd*', pageOf(0), 7, false));
    expect(socket.news()).toBe('d0:1 subscribed');
  });
});
