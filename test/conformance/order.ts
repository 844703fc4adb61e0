/** Sections 3 to 5 under load: order, no holes, and the snapshot joined to the live stream. */
import { describe, expect, it } from 'vitest';
import type { EventFrame } from '../support/frames.ts';
import type { Device, Subscriber } from '../support/peers.ts';
import { type MatrixRow, numbersFrom, type TestHub, uniqueId, useHub } from './harness.ts';

/**
 * Events between two acks. The rings and queues between are meant to shed what is too much for them (that is another
 * test); as long as the device waits for its acks nothing is.
 */
const WINDOW = 150;

const priorities = ['low', 'normal', 'high'] as const;

/** Publishes `count` events as fast as the hub takes them; each carries its number per priority. */
async function publishAll(device: Device, count: number): Promise<void> {
  const sent = { low: 0, normal: 0, high: 0 };
  for (let n = 1; n <= count; n++) {
    const priority = priorities[(n * 7 + (n >> 3)) % 3] ?? 'normal';
    sent[priority] += 1;
    const event = { type: 'message', priority, data: sent[priority] };
    if (n % WINDOW === 0) await device.publish(event);
    else device.send(event);
  }
  await device.publish({ type: 'message', priority: 'low', data: 'end' });
}

/** What the contract promises of one device's events to one subscriber. */
function expectOrderWithoutHoles(events: readonly EventFrame[], first: number, last: number): void {
  const seqs = events.map(({ seq }) => seq);
  expect([...seqs].sort((a, b) => a - b)).toEqual(numbersFrom(first, last - first + 1));
  for (const priority of priorities) {
    const ofOne = events.filter((event) => event.priority === priority);
    const inOrder = ofOne.every(({ seq }, index) => index === 0 || seq > (ofOne[index - 1]?.seq ?? 0));
    expect(inOrder, `${priority} events are in order`).toBe(true);
  }
}

/**
 * Publishes events of one priority until told to end, and always has some on their way. Never more than two windows: it
 * waits for followers on each thread, since the hub takes events for a thread that stands still only up to a limit.
 */
class Torrent {
  readonly #device: Device;
  readonly #followers: readonly Subscriber[];
  readonly #done: Promise<number>;
  #ending = false;

  constructor(device: Device, followers: readonly Subscriber[]) {
    this.#device = device;
    this.#followers = followers;
    this.#done = this.#run();
  }

  /** @returns the seq of the last event, once it is acknowledged */
  end(): Promise<number> {
    this.#ending = true;
    return this.#done;
  }

  async #run(): Promise<number> {
    let last = 0;
    for (let n = 0; !this.#ending; ) {
      for (let inWindow = 1; inWindow < WINDOW; inWindow++) this.#device.send({ type: 'message', data: ++n });
      const { seq } = await this.#device.publish({ type: 'message', data: ++n });
      for (const { frames } of this.#followers) {
        if (last > 0) await frames.next((frame) => frame.op === 'event' && frame.seq === last);
      }
      last = seq;
    }
    return last;
  }
}

async function untilSeq(subscriber: Subscriber, device: string, seq: number): Promise<void> {
  await subscriber.frames.next(
    (frame) => frame.op === 'event' && frame.device === device && frame.seq === seq,
  );
}

/** A follower on each thread that has subscribers: connections are handed to them in turn. */
async function followersOf(hub: TestHub, dev: string): Promise<readonly Subscriber[]> {
  return [await hub.witness(dev), await hub.witness(dev)];
}

function expectStream(events: readonly EventFrame[], first: number, last: number): void {
  expect(events.map(({ seq }) => seq)).toEqual(numbersFrom(first, last - first + 1));
}

export function order({ env }: MatrixRow): void {
  describe('under load', () => {
    const hub = useHub({
      ...env,
      DAT_SEND_QUEUE_BYTES: '67108864',
      DAT_SEND_QUEUE_MAX_BYTES: '268435456',
    });

    it('every subscriber gets every event of every device, in order per priority and without holes', async () => {
      const devs = numbersFrom(1, 4).map(() => uniqueId('dev'));
      const devices = await Promise.all(devs.map((dev) => hub.device(dev)));
      const subscribers = await Promise.all(
        numbersFrom(1, 5).map((n) =>
          hub.subscriber({ protocols: [n % 2 === 0 ? 'dat.v1.binary' : 'dat.v1.json'], batch: n > 3 }),
        ),
      );
      await Promise.all(subscribers.map((subscriber) => subscriber.subscribe(...devs)));
      const count = 1200;
      await Promise.all(devices.map((device) => publishAll(device, count)));
      for (const subscriber of subscribers) {
        for (const dev of devs) {
          await subscriber.frames.next((frame) => frame.device === dev && frame.data === 'end');
          await untilSeq(subscriber, dev, count);
        }
        expect(subscriber.frames.all.filter(({ op }) => op === 'gap')).toEqual([]);
        for (const dev of devs) {
          const events = subscriber.events(dev);
          expectOrderWithoutHoles(events, 1, count + 1);
          for (const priority of priorities) {
            const sent = events.filter((event) => event.priority === priority && event.data !== 'end');
            expect(sent.map(({ data }) => data)).toEqual(numbersFrom(1, sent.length));
          }
        }
      }
    });

    it('the events of one device are the same for all subscribers, text and binary, from devices of both kinds', async () => {
      const dev = uniqueId('dev');
      const device = await hub.device(dev);
      const subscribers = await Promise.all(numbersFrom(1, 3).map(() => hub.subscriber({ devices: [dev] })));
      await Promise.all(subscribers.map((subscriber) => subscriber.subscribedByUrl()));
      for (let n = 1; n <= 300; n++) {
        if (n % 2 === 0) device.send({ type: 'message', data: n });
        else device.sendBinary(Buffer.from([2, n & 0xff, n >> 8]));
      }
      for (const subscriber of subscribers) await untilSeq(subscriber, dev, 300);
      const [one, ...others] = subscribers.map((subscriber) => subscriber.events(dev));
      for (const other of others) expect(other).toEqual(one);
      expectStream(one ?? [], 1, 300);
    });

    it('a subscriber that subscribes while a device publishes gets every event from its snapshot on, once, in order', async () => {
      const dev = uniqueId('dev');
      const device = await hub.device(dev);
      const witness = await hub.witness(dev);
      const torrent = new Torrent(device, await followersOf(hub, dev));
      const joined: { subscriber: Subscriber; snapshot: number }[] = [];
      try {
        for (let n = 0; n < 12; n++) {
          const before = joined.at(-1)?.snapshot ?? 0;
          await witness.frames.next(({ op, seq = 0 }) => op === 'event' && seq > before);
          const protocols = [n % 3 === 0 ? 'dat.v1.binary' : 'dat.v1.json'];
          const byUrl = n % 2 === 0;
          const how = { protocols, batch: n % 4 > 1 };
          const subscriber = await hub.openSubscriber(byUrl ? { ...how, devices: [dev] } : how);
          const { devices } = byUrl ? await subscriber.subscribedByUrl() : await subscriber.subscribe(dev);
          joined.push({ subscriber, snapshot: devices[0]?.seq ?? Number.NaN });
        }
      } finally {
        await torrent.end();
      }
      const { seq: last } = await device.message('the end');
      await untilSeq(witness, dev, last);
      expectStream(witness.events(dev), 1, last);
      for (const { subscriber, snapshot } of joined) {
        await untilSeq(subscriber, dev, last);
        expectStream(subscriber.events(dev), snapshot + 1, last);
        const subscribedAt = subscriber.frames.all.findIndex(({ op }) => op === 'subscribed');
        const firstEventAt = subscriber.frames.all.findIndex(({ op }) => op === 'event');
        expect(firstEventAt, 'the snapshot comes first').toBeGreaterThan(subscribedAt);
      }
      expect(
        new Set(joined.map(({ snapshot }) => snapshot)).size,
        'snapshots were taken in between',
      ).toBeGreaterThan(3);
    });

    it.each([
      ['pause', 'resume'],
      ['unsubscribe', 'subscribe'],
    ])(
      'a subscriber that alternates %s and %s gets every event of its turns, once, in order',
      async (off, on) => {
        const dev = uniqueId('dev');
        const device = await hub.device(dev);
        const witness = await hub.witness(dev);
        const subscriber = await hub.subscriber();
        const torrent = new Torrent(device, await followersOf(hub, dev));
        try {
          for (let round = 0; round < 8; round++) {
            await subscriber.ask(round === 0 ? 'subscribe' : on, [dev]);
            await subscriber.event(dev);
            await subscriber.ask(off, [dev]);
          }
          await subscriber.ask(on, [dev]);
        } finally {
          await torrent.end();
        }
        const { seq: last } = await device.message('the end');
        await untilSeq(subscriber, dev, last);
        await untilSeq(witness, dev, last);
        let next: number | undefined;
        for (const frame of subscriber.frames.all) {
          if (frame.op === 'subscribed') {
            next = ((frame.devices?.[0] as { readonly seq: number } | undefined)?.seq ?? Number.NaN) + 1;
          } else if (frame.op === 'paused' || frame.op === 'unsubscribed') next = undefined;
          else if (frame.op === 'event') {
            expect(frame.seq).toBe(next);
            next = (next ?? Number.NaN) + 1;
          }
        }
        expect(next).toBe(last + 1);
        expectStream(witness.events(dev), 1, last);
      },
    );

    it('a subscriber that reconnects while a device publishes gets no event twice and none out of order', async () => {
      const [dev, sub] = [uniqueId('dev'), uniqueId('sub')];
      const device = await hub.device(dev);
      const turns = [await hub.subscriber({ id: sub, devices: [dev] })];
      const torrent = new Torrent(device, await followersOf(hub, dev));
      try {
        for (let round = 0; round < 5; round++) {
          await turns.at(-1)?.event(dev);
          // Every other time without a goodbye: the newer connection takes over.
          if (round % 2 === 0) await turns.at(-1)?.close(1000);
          turns.push(await hub.subscriber({ id: sub }));
        }
        await turns.at(-1)?.event(dev);
      } finally {
        await torrent.end();
      }
      const { seq: last } = await device.message('the end');
      const newest = turns.at(-1);
      if (newest === undefined) throw new Error('no turns');
      await untilSeq(newest, dev, last);
      for (const turn of turns) {
        const seqs = turn.events(dev).map(({ seq }) => seq);
        expect(seqs).toEqual(numbersFrom(seqs[0] ?? 0, seqs.length));
      }
      const all = turns.flatMap((turn) => turn.events(dev).map(({ seq }) => seq));
      expect(new Set(all).size).toBe(all.length);
    });
  });
}
