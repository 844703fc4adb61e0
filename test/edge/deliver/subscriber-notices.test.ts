/** What the owner says to one subscriber unasked, from the record to the frame, and what it says when it takes over from another. */
import { describe, expect, it } from 'vitest';
import {
  SubscriberRecords,
  type SubscriberRecordsDeps,
} from '../../../src/edge/deliver/subscriber-records.ts';
import { privateViews } from '../../../src/records/event.ts';
import { NO_BYTES, Notice } from '../../../src/records/replies.ts';
import { OwnerSays, pageOf, since } from './owner-says.ts';

describe('a notice', () => {
  it('names devices and filters, and costs as many devices as it names', () => {
    const bench = new OwnerSays({ subscriberRate: 1, subscriberBurst: 10 });
    const { session, thread, socket } = bench;
    bench.say((link) =>
      link.notice(session, Notice.silent, pageOf(0, 1), false, [{ filter: 'x.*', value: 1 }]),
    );
    expect(socket.frames).toEqual([
      { op: 'status', devices: ['d0', 'd1'], filters: ['x.*'], status: 'inactive', reason: 'silent' },
    ]);
    expect(thread.usedMs(socket.session)).toBeCloseTo(40, 6);
  });

  it('of a removal that names filters alone is told at once', () => {
    const bench = new OwnerSays();
    const { session, socket } = bench;
    bench.say((link) =>
      link.notice(session, Notice.notCovered, NO_BYTES, false, [{ filter: 'x.*', value: 0 }]),
    );
    expect(socket.frames).toMatchObject([{ op: 'removed', devices: [], filters: ['x.*'], code: 103 }]);
  });
});

describe('a record for a session', () => {
  it('says whether it is a vip', () => {
    const bench = new OwnerSays();
    const { session, socket } = bench;
    for (const vip of [true, false]) {
      bench.say((link) => link.vip(session, vip));
      expect(socket.session.vip).toBe(vip);
    }
  });

  it('that is closing or gone is for nobody', () => {
    const bench = new OwnerSays();
    const { session, thread, socket } = bench;
    bench.ask(['d0']);
    thread.owner.take();
    socket.session.closing = true;
    bench.say((link) => {
      for (const number of [session, 12_345]) {
        link.attach(number, 0, 'd0', 0);
        link.vip(number, true);
        link.notice(number, Notice.heard, pageOf(0), false);
        link.filterPage(number, 'x.*', pageOf(0), 0, false);
        link.detach(number, 0);
      }
      link.resync();
    });
    expect([socket.frames, socket.session.vip, socket.topics.size]).toEqual([[], false, 0]);
    expect(thread.owner.taken('request')).toEqual([]);
  });

  it('is of a kind that the edge knows', () => {
    const records = new SubscriberRecords({} as SubscriberRecordsDeps); // before anything is done
    expect(() => records.obey(99, privateViews(64), 0)).toThrow('record of kind 99 from the owner');
  });
});

describe('while another owner takes over', () => {
  it('of which another owner says the end is not ended twice', () => {
    const bench = new OwnerSays();
    const { session, socket } = bench;
    bench.say((link) => link.notice(session, Notice.resumed, pageOf(0), true));
    bench.say((link) => link.resync());
    bench.say((link) => link.notice(session, Notice.resumed, pageOf(1), false));
    bench.say((link) => link.resynced());
    expect(socket.frames).toEqual([
      { op: 'resumed', devices: ['d0'], more: true },
      { op: 'resumed', devices: ['d1'], more: false },
    ]);
  });

  it('notices that the one before had begun are ended, whatever else this one tells', () => {
    const bench = new OwnerSays();
    const { session, socket } = bench;
    bench.say((link) => link.notice(session, Notice.resumed, pageOf(0), true));
    socket.frames.length = 0;
    bench.say((link) => link.resync());
    bench.say((link) => link.notice(session, Notice.heard, pageOf(1), false));
    bench.say((link) => link.resynced());
    expect(socket.frames).toEqual([
      { op: 'status', devices: ['d1'], status: 'active', reason: 'activity' },
      { op: 'resumed', devices: [], more: false },
    ]);
    bench.say((link) => link.resync());
    bench.say((link) => link.resynced());
    expect(socket.frames).toHaveLength(2);
  });

  it('a page that says nothing new is not told again, but for the last', () => {
    const bench = new OwnerSays();
    const { session, socket } = bench;
    bench.ask(undefined);
    const filters = [{ filter: 'x.*', value: 2 }];
    bench.say((link) => link.answer({ session, request: 1 }, pageOf(0), [], true, filters));
    bench.say((link) => link.resync());
    bench.say((link) => link.resynced());
    socket.frames.length = 0;
    bench.say((link) => link.answer({ session, request: 1 }, pageOf(0), [], true, filters));
    expect(socket.frames).toEqual([]);
    bench.say((link) => link.answer({ session, request: 1 }, NO_BYTES, [], false));
    expect(socket.frames).toMatchObject([{ op: 'list', devices: [] }]);
  });

  it('alone a device is not attached before the answer that brings its past', () => {
    const bench = new OwnerSays();
    const { session, thread, socket } = bench;
    for (const device of [0, 1]) {
      bench.ask([`d${device}`], since(device));
      bench.say((link) => link.attach(session, device, `d${device}`, 0)); // a filter follows it, too
      thread.events(device, 'normal');
      bench.say((link) => link.resync());
      bench.say((link) => {
        for (let known = 0; known <= device; known++) link.attach(session, known, `d${known}`, 1);
        link.resynced();
      });
    }
    expect(socket.news()).toBe('d0:1 d1:1');
  });
});
