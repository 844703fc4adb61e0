/**
 * An access rule that denies, or a gateway's end, removes a subscriber's subscriptions by the ten thousand. All notices of
 * it went out at once, and a subscriber that reads slowly was closed for them as a slow one.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { SLOW_MS_MAX } from '../../src/limits.ts';
import { calm, numbersFrom, TestHub } from '../conformance/harness.ts';
import { firstOf } from '../support/attempts.ts';
import { eventually } from '../support/eventually.ts';
import type { Frame } from '../support/frames.ts';
import type { Env } from '../support/hub-process.ts';
import type { Gateway } from '../support/peers.ts';
import { Opcode, RawPeer } from '../support/raw-peer.ts';

const COUNT = 20_000;
/** Long ids: what names them all is twice what may wait for a subscriber. */
const PREFIX = `fleet-${'x'.repeat(90)}-`;
/** The first few of them send events. */
const SENDERS = 10;
/** The kernel takes several megabytes before anything waits in the hub. */
const LARGE = 'x'.repeat(50_000);
const EVENTS_MAX = 800;
/** What the subscriber reads in one go. */
const READ_BYTES = 64 * 1024;

const idOf = (n: number): string => `${PREFIX}${n}`;

/** A frame that names a device, and the seq that it says. */
type Told = readonly ['subscribed' | 'removed' | 'event', number];

/** A subscriber of everything that reads as much as it is let. */
class SlowReader {
  readonly #peer: RawPeer;
  #looked = 0;
  #reading: Promise<void> | undefined;
  readonly #told = new Map<string, Told[]>();
  /** Devices of the largest frame. */
  largest = 0;
  isClosed = false;

  private constructor(peer: RawPeer) {
    this.#peer = peer;
    void peer.closed.then(() => {
      this.isClosed = true;
    });
  }

  static async connect(hub: TestHub): Promise<SlowReader> {
    // No states: twenty thousand devices that go offline at once are as many urgent events, which are not shed.
    const path = '/v1/subscribe?id=slow&devices=*&types=message';
    return new SlowReader(await RawPeer.open(hub.process.subscriberPort, path));
  }

  /** Reads a piece after the other until `isThere`, or the connection is over. */
  async read(what: string, isThere: () => boolean): Promise<void> {
    await eventually(what, async () => {
      this.#reading ??= this.#peer.readSome(READ_BYTES).then(() => {
        this.#reading = undefined;
      });
      this.#look();
      return this.isClosed || isThere();
    });
    this.stop();
  }

  stop(): void {
    this.#peer.stopReading();
    this.#reading = undefined;
  }

  destroy(): void {
    this.#peer.destroy();
  }

  told(device: string): readonly Told[] {
    return this.#told.get(device) ?? [];
  }

  /** How often devices of the fleet were named so, together. */
  count(what: Told[0]): number {
    let count = 0;
    for (const told of this.#told.values()) for (const [kind] of told) if (kind === what) count += 1;
    return count;
  }

  #look(): void {
    const { all } = this.#peer.frames;
    for (; this.#looked < all.length; this.#looked++) {
      const { opcode, payload } = all[this.#looked]!;
      if (opcode === Opcode.text) this.#take(JSON.parse(payload.toString()) as Frame);
      if (opcode === Opcode.ping) this.#peer.send(Opcode.pong, payload);
    }
  }

  #take(frame: Frame): void {
    const { op, device = '', seq = 0 } = frame;
    if (op === 'event') this.#note(device, ['event', seq]);
    const devices = (frame.devices ?? []) as unknown as readonly (string | { device: string; seq: number })[];
    this.largest = Math.max(this.largest, devices.length);
    for (const one of devices) {
      if (op === 'removed') this.#note(one as string, ['removed', 0]);
      else if (op === 'subscribed' && typeof one === 'object')
        this.#note(one.device, ['subscribed', one.seq]);
    }
  }

  #note(device: string, told: Told): void {
    if (!device.startsWith(PREFIX)) return;
    const before = this.#told.get(device);
    if (before === undefined) this.#told.set(device, [told]);
    else before.push(told);
  }
}

const env: Env = {
  ...calm,
  DAT_FANOUT_WORKERS: '1',
  DAT_MAX_DEVICES: String(COUNT + 100),
  DAT_MAX_DEVICES_PER_GATEWAY: String(COUNT),
  DAT_SUBSCRIBER_RATE: '0',
  DAT_DEVICE_LEAVE_GRACE_MS: '0',
  DAT_DEVICE_REMOVE_AFTER_MS: '0',
};

async function fleetAt(hub: TestHub): Promise<Gateway> {
  const gateway = await hub.gateway('gw');
  for (const n of numbersFrom(0, COUNT)) gateway.tell('open', idOf(n));
  await gateway.message(idOf(COUNT - 1), 'all are there');
  return gateway;
}

async function publish(gateway: Gateway, data: string): Promise<void> {
  for (const n of numbersFrom(0, SENDERS)) await gateway.message(idOf(n), data);
}

/**
 * The subscriber reads nothing, until that shows.
 * @returns whether it was slow, or silent, for longer since then than the hub lets anybody be
 */
async function fallBehind(hub: TestHub, reader: SlowReader): Promise<() => boolean> {
  const sinceMs = performance.now();
  reader.stop();
  const noise = await hub.device('noise');
  const isSlow = async () => (await hub.metrics()).value('dat_lagging_subscribers') > 0;
  for (let n = 0; n < EVENTS_MAX && !(await isSlow()); n++) await noise.message(LARGE);
  expect(await isSlow()).toBe(true);
  void noise.drop();
  return () => reader.isClosed && performance.now() - sinceMs > SLOW_MS_MAX;
}

/** @returns whether this host was quick enough to show anything */
async function showAt(hub: TestHub, reader: SlowReader, gateway: Gateway): Promise<boolean> {
  await reader.read('all are followed', () => reader.count('subscribed') === COUNT);
  const isTooLate = await fallBehind(hub, reader);
  const deny = { rules: [{ device: `${PREFIX}*`, subscriber: '*', access: 'deny' }] };
  expect(await hub.admin('PUT', '/v1/access/rules', deny)).toMatchObject({ body: { removed: COUNT } });
  await publish(gateway, 'denied');
  await hub.admin('PUT', '/v1/access/rules', { rules: [] });
  await publish(gateway, 'perhaps followed again');
  await reader.read('all are followed again', () => reader.count('subscribed') === 2 * COUNT);
  if (isTooLate()) return false;
  expect([reader.isClosed, reader.count('removed')]).toEqual([false, COUNT]);
  expect(reader.largest).toBeLessThanOrEqual(1000);
  await publish(gateway, 'followed again');
  const isLast = ([kind]: Told): boolean => kind === 'event';
  const hasLast = (n: number): boolean => reader.told(idOf(n)).slice(-1).some(isLast);
  await reader.read('events come again', () => numbersFrom(0, SENDERS).every(hasLast));
  for (const n of numbersFrom(0, COUNT)) {
    const told = reader.told(idOf(n));
    // Nothing of the device comes between the operator's answer and its next entry.
    const kinds = told.slice(0, 3).map(([kind]) => kind);
    expect(kinds, idOf(n)).toEqual(['subscribed', 'removed', 'subscribed']);
    const [entry, ...events] = told.slice(2);
    const seqs = events.map(([kind, seq]) => (kind === 'event' ? seq : kind));
    expect(seqs, idOf(n)).toEqual(numbersFrom(entry![1] + 1, seqs.length));
  }
  const isTooLateAgain = await fallBehind(hub, reader);
  await gateway.drop();
  await eventually('all devices have left', async () => {
    const metrics = await hub.metrics();
    return ['online', 'stale', 'offline'].every((state) => metrics.value('dat_devices', { state }) === 0);
  });
  await reader.read('all are gone', () => reader.count('removed') >= 2 * COUNT);
  if (isTooLateAgain()) return false;
  expect([reader.isClosed, reader.count('removed')]).toEqual([false, 2 * COUNT]);
  return true;
}

describe('a subscriber that reads slowly and whose subscriptions are removed by the ten thousand', () => {
  it('is told of each once, stays, and gets events of what is allowed again after that, in order', () =>
    firstOf('the subscriber was slow for longer than the hub lets anybody be', async () => {
      const hub = new TestHub(env);
      await hub.start();
      onTestFinished(() => hub.process.kill());
      const gateway = await fleetAt(hub);
      const reader = await SlowReader.connect(hub);
      const isShown = await showAt(hub, reader, gateway);
      reader.destroy();
      await hub.end();
      return isShown || undefined;
    }));
});
