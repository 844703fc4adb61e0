/** Who is in which topic of which device, and what is left of a topic whose members are gone; `topics.test.ts` has what they get. */
import { beforeEach, describe, expect, it } from 'vitest';
import { NO_SHARD, SLOW } from '../../../src/edge/deliver/audience.ts';
import { EventEncoder } from '../../../src/edge/deliver/event-encoder.ts';
import { SlowSubscribers } from '../../../src/edge/deliver/slow-subscribers.ts';
import type { Topic } from '../../../src/edge/deliver/topic.ts';
import { Topics, topicKey } from '../../../src/edge/deliver/topics.ts';
import { privateViews } from '../../../src/records/event.ts';
import { GapReason } from '../../../src/records/replies.ts';
import { Encoding } from '../../../src/wire/encodings.ts';
import { ALL_TYPES, typeBits } from '../../../src/wire/events.ts';
import { type FakeSocket, FakeThread, QUEUE_BYTES, QUEUE_BYTES_MAX } from './fake-thread.ts';

let thread: FakeThread;
let kept: Map<number, Topic>;
let slow: SlowSubscribers;
let topics: Topics;
/** What was published: topic at the transport, whether binary, whether for MQTT only. */
let published: unknown[][];
beforeEach(() => {
  thread = new FakeThread();
  kept = new Map();
  published = [];
  const views = privateViews(1024);
  slow = new SlowSubscribers({
    topics: kept,
    views,
    encoder: new EventEncoder(views),
    counters: thread.counters,
    queueBytes: QUEUE_BYTES,
    queueBytesMax: QUEUE_BYTES_MAX,
    finishRounds: () => {},
  });
  const { paces } = thread.edge.deliverer;
  topics = new Topics(
    kept,
    slow,
    paces,
    (topic, _frame, binary, isMqtt) => void published.push([topic, binary, isMqtt]),
    undefined,
  );
});

function join({ session }: FakeSocket, device: number, types = ALL_TYPES, id = `d${device}`): void {
  topics.join(session, { device, id, seq: 0, types }, [thread.edge.deliverer.sessions.values()]);
}

const namesOf = (socket: FakeSocket): string[] => [...socket.topics];

describe('the place of a topic', () => {
  it('is a small whole number of its own for each device and each set of types', () => {
    const places = new Set<number>();
    for (let device = 0; device < 40; device++)
      for (let types = 1; types <= ALL_TYPES; types++) places.add(topicKey(device, types));
    expect(places.size).toBe(40 * ALL_TYPES);
    const all = [...places];
    expect(all.every((place) => Number.isInteger(place) && place >= 0)).toBe(true);
    expect(Math.max(...all)).toBeLessThan(40 * (ALL_TYPES + 1));
  });
});

describe('a subscriber that joins', () => {
  it('a topic makes it have as many shards as the audience that has most', () => {
    const batched = thread.subscriber([], { query: '&batch=true' });
    expect(batched.session.batched).toBe(true);
    join(batched, 0);
    expect(topics.get(0, ALL_TYPES)!.shardCount).toBe(1);
  });

  it('what it follows already stays where it is', () => {
    const socket = thread.subscriber();
    join(socket, 0, typeBits.message);
    const topic = topics.get(0, typeBits.message);
    join(socket, 0, typeBits.message);
    expect(topics.get(0, typeBits.message)).toBe(topic);
    expect(namesOf(socket)).toEqual(['j0t2']);
  });

  it('another device of the slot takes those out who follow the one before, and no one else', () => {
    const [before, after, limited] = [thread.subscriber(), thread.subscriber(), thread.subscriber()];
    join(before, 0);
    join(limited, 0, typeBits.message, 'new');
    join(after, 0, ALL_TYPES, 'new');
    expect([before, after, limited].map(namesOf)).toEqual([[], ['j0'], ['j0t2']]);
    expect(before.session.shardOf(0)).toBe(NO_SHARD);
    expect(topics.namesOf(limited.session, 0)!.id).toBe('new');
  });

  it('another device of the slot, for other types, leaves the one before, and gets nothing of it any more', () => {
    const socket = thread.subscriber();
    join(socket, 0);
    join(socket, 0, typeBits.message, 'new');
    expect([namesOf(socket), kept.size]).toEqual([['j0t2'], 1]);
    const paced = thread.subscriber([0], { query: '&every=1000' });
    thread.events(0, 'normal', 'normal'); // the second waits
    expect(paced.news()).toBe('d0:1');
    thread.attach(paced, 0, 'new');
    thread.poll();
    thread.pass(2000);
    expect(paced.news()).toBe('');
  });

  it('while it is slow is in no topic of the transport', () => {
    const socket = thread.subscriber();
    slow.start(socket.session, 0);
    join(socket, 0);
    expect([socket.session.shardOf(0), namesOf(socket)]).toEqual([SLOW, []]);
    topics.leave(socket.session, 0, true);
    expect([socket.session.shardOf(0), kept.size]).toEqual([NO_SHARD, 0]);
  });
});

describe('a subscriber that leaves', () => {
  it('what it does not follow changes nothing', () => {
    const [socket, other] = [thread.subscriber(), thread.subscriber()];
    join(other, 0);
    topics.leave(socket.session, 0, true);
    topics.leave(socket.session, 1, true);
    topics.leave(other.session, 0, true);
    expect([namesOf(other), kept.size]).toEqual([[], 0]);
  });

  it('may be slow and about to be closed', () => {
    const socket = thread.subscriber();
    join(socket, 0);
    slow.start(socket.session, 0);
    slow.forget(socket.session);
    topics.gap(0, 1, 2, GapReason.overload); // which it is not told any more
    topics.leave(socket.session, 0, false);
    expect([socket.news(), socket.session.shardOf(0), kept.size]).toEqual(['', NO_SHARD, 0]);
  });

  it('leaves the topic to those that are left, in whatever way they get their events', () => {
    const other = thread.subscriber();
    const ways = ['', '&batch=true', '&every=1000'].flatMap((query) =>
      [false, true].flatMap((vip) => [false, true].map((isSlow) => ({ query, vip, isSlow }))),
    );
    for (const { query, vip, isSlow } of ways) {
      const socket = thread.subscriber([], { query });
      const { session } = socket;
      session.vip = vip;
      join(socket, 0);
      if (isSlow) slow.start(session, 0);
      const topic = topics.get(0, ALL_TYPES);
      join(other, 0);
      topics.leave(other.session, 0, true);
      expect(topics.get(0, ALL_TYPES)).toBe(topic);
      topics.leave(session, 0, true);
      expect(kept.size).toBe(0);
    }
  });

  it('leaves nothing behind that each event of the device would look at', () => {
    const [paced, slowly, stays] = [0, 1, 2].map((n) =>
      thread.subscriber([], n < 2 ? { query: '&every=1000' } : {}),
    );
    const vip = thread.subscriber();
    vip.session.vip = true;
    for (const socket of [paced!, slowly!, vip, stays!]) join(socket, 0);
    join(stays!, 1);
    const [topic, fresh] = [0, 1].map((device) => topics.get(device, ALL_TYPES)!);
    expect([topic!.paced?.isEmpty, topic!.vips]).toEqual([false, [vip.session]]);
    topics.leave(vip.session, 0, true);
    expect(topic!.vips).toBe(fresh!.vips);
    topics.leave(paced!.session, 0, true);
    expect(topic!.paced?.isEmpty).toBe(false);
    slow.start(slowly!.session, 0);
    expect(topic!.paced).toBeUndefined();
    const last = thread.subscriber([], { query: '&every=1000' });
    join(last, 0);
    topics.leave(last.session, 0, true);
    expect(topic!.paced).toBeUndefined();
  });

  it('leaves no sets of types behind that nobody gets', () => {
    const sockets = [thread.subscriber(), thread.subscriber(), thread.subscriber()];
    expect([topics.hasLimited, topics.limitedOf(0)]).toEqual([false, 0]);
    for (const [n, types] of [typeBits.message, typeBits.pong, ALL_TYPES].entries())
      join(sockets[n]!, 0, types);
    const [message, pong] = [1 << typeBits.message, 1 << typeBits.pong];
    const seen = sockets.map(({ session }) => {
      const before = [topics.hasLimited, topics.limitedOf(0)];
      topics.leave(session, 0, true);
      return before;
    });
    expect(seen).toEqual([
      [true, message | pong],
      [true, pong],
      [false, 0],
    ]);
    expect(kept.size).toBe(0);
  });
});

describe('a subscriber that is held back', () => {
  it('is out of its topic until it joins again', () => {
    const [socket, other] = [thread.subscriber(), thread.subscriber()];
    for (const one of [socket, other]) join(one, 0);
    expect(topics.holdBack(socket.session, 0)).toBe(true);
    expect([socket.session.shardOf(0), namesOf(socket), kept.size]).toEqual([NO_SHARD, [], 1]);
    expect(topics.holdBack(other.session, 0)).toBe(true);
    expect(kept.size).toBe(0);
  });

  it('gets what waits for its turn before', () => {
    const socket = thread.subscriber([0], { query: '&every=1000' });
    thread.events(0, 'normal', 'normal');
    expect(socket.news()).toBe('d0:1');
    expect(thread.edge.deliverer.holdBack(socket.session, 0)).toBe(true);
    expect(socket.news()).toBe('d0:2');
  });

  it('must not be slow: then nothing changes', () => {
    const socket = thread.subscriber();
    join(socket, 0);
    slow.start(socket.session, 0);
    expect(topics.holdBack(socket.session, 0)).toBe(false);
    expect([socket.session.shardOf(0), kept.size]).toEqual([SLOW, 1]);
  });
});

describe('a subscriber that is to get its events in another way', () => {
  it('is in the same devices’ topics, of the same types, as what it is now', () => {
    const socket = thread.subscriber();
    join(socket, 0);
    join(socket, 1, typeBits.message);
    topics.setVip(socket.session, true);
    expect([socket.session.vip, namesOf(socket)]).toEqual([true, []]);
    const of = [topics.get(0, ALL_TYPES)!, topics.get(1, typeBits.message)!];
    expect(of.map(({ vips }) => vips)).toEqual([[socket.session], [socket.session]]);
    expect([0, 1].map((device) => socket.session.typesOf(device))).toEqual([ALL_TYPES, typeBits.message]);
    topics.setVip(socket.session, false);
    expect([socket.session.vip, namesOf(socket)]).toEqual([false, ['j0', 'j1t2']]);
    expect(of.map(({ vips }) => vips)).toEqual([[], []]);
  });

  it('stays out of the topics while it is slow', () => {
    const socket = thread.subscriber();
    join(socket, 0);
    slow.start(socket.session, 0);
    topics.setVip(socket.session, true);
    expect([socket.session.vip, socket.session.shardOf(0)]).toEqual([true, SLOW]);
    expect(topics.get(0, ALL_TYPES)!.vips).toEqual([]);
  });

  it('gets what waits for its turn at its turn, not before', () => {
    const socket = thread.subscriber([0], { query: '&every=1000' });
    thread.events(0, 'normal', 'normal');
    thread.setVip(socket, true);
    thread.poll();
    expect(socket.news()).toBe('d0:1');
  });
});

describe('the names of a device', () => {
  it('are known of those that the subscriber follows alone', () => {
    const [socket, other] = [thread.subscriber(), thread.subscriber()];
    join(socket, 0, typeBits.message);
    join(other, 1);
    join(other, 0, typeBits.message);
    topics.leave(other.session, 0, true);
    const ids = [socket, other].map(({ session }) => [0, 1].map((of) => topics.namesOf(session, of)?.id));
    expect(ids).toEqual([
      ['d0', undefined],
      [undefined, 'd1'],
    ]);
  });
});

describe('a hole in a device’s events', () => {
  it('is published as text to all that the protocol has a word for, wherever they are connected', () => {
    const [text, binary, mqtt] = [
      thread.subscriber(),
      thread.subscriber([], { binary: true }),
      thread.subscriber(),
    ];
    const { codec } = mqtt.session;
    Object.assign(mqtt.session, { codec: { ...codec, encoding: Encoding.mqtt5 } });
    for (const socket of [text, binary, mqtt]) join(socket, 0);
    expect(namesOf(mqtt)).toEqual(['n0']);
    topics.gap(0, 1, 3, GapReason.overload);
    expect(published.sort()).toEqual([
      ['b0', false, false],
      ['j0', false, false],
    ]);
  });
});
