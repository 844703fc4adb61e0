/** Devices behind gateways, on an edge whose owner is played by the test. */
import { describe, expect, it } from 'vitest';
import { PatternSet } from '../../../src/access/pattern-set.ts';
import type { GatewayDevice } from '../../../src/edge/publish/gateway-device.ts';
import { GatewaySession } from '../../../src/edge/publish/gateway-session.ts';
import { GatewayDevices, HELD_MS_MAX, UNANSWERED_MAX } from '../../../src/edge/publish/gateways.ts';
import { Counter, Counters, createCounters } from '../../../src/memory/counters.ts';
import { createRing, RingConsumer } from '../../../src/memory/ring.ts';
import { readJoin, readLeave, ToOwnerRecord } from '../../../src/records/requests.ts';
import { jsonGatewayCodec } from '../../../src/wire/hub-frames.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { lineInto } from '../../support/no-owner-line.ts';

const LIMIT = 3;

/** What the edge told the owner: who joins, who leaves, and `clean` for a goodbye. */
type Told = readonly ['join' | 'again' | 'leave' | 'clean', number];

class Bench {
  readonly clock = new FakeClock();
  readonly ended: GatewayDevice[] = [];
  /** What is to run once the thread has seen to its sockets. */
  readonly later: (() => void)[] = [];
  mayConnect = true;
  readonly counters = new Counters(createCounters());
  readonly gateways: GatewayDevices;
  readonly #ring = createRing(4 * 1024 * 1024);
  readonly #told = new RingConsumer(this.#ring);
  #numbers = 0;

  constructor(maxDevicesPerGateway = LIMIT) {
    this.gateways = new GatewayDevices({
      line: lineInto(this.#ring),
      clock: this.clock,
      settings: { maxDevicesPerGateway },
      nextSession: () => ++this.#numbers,
      chargeConnect: () => this.mayConnect,
      counters: this.counters,
      ended: (device) => void this.ended.push(device as GatewayDevice),
      pauses: {
        soon: (work) => void this.later.push(work),
        later: (work) => void this.later.push(work),
      },
    });
  }

  /** A gateway that was welcomed, and the frames that it gets. */
  gateway(id = 'gw', devices?: readonly string[]) {
    const frames: unknown[] = [];
    const actor = {
      role: 'gateway',
      id,
      devices: devices === undefined ? undefined : new PatternSet(devices),
      vip: false,
    } as const;
    const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
    const options = { codec: jsonGatewayCodec, wantsInterest: false };
    const session = new GatewaySession(admitted, ++this.#numbers, 1, options);
    session.attach({
      send: (frame: string) => void frames.push(JSON.parse(frame)),
      cork: (body: () => void) => body(),
    } as never);
    session.welcome(0, undefined);
    return { session, frames };
  }

  speak(session: GatewaySession, id: string, opens = false): GatewayDevice {
    const device = this.gateways.speak(session, id, this.clock.now(), opens);
    if (typeof device === 'string') throw new Error(`${id}: ${device}`);
    return device;
  }

  refusal(session: GatewaySession, id: string): unknown {
    return this.gateways.speak(session, id, this.clock.now());
  }

  get count(): number {
    return this.counters.cells[Counter.gatewayDevices]!;
  }

  /** What the owner was told since the last call. */
  told(): Told[] {
    const told: Told[] = [];
    for (let offset = this.#told.next(); offset >= 0; offset = this.#told.next()) {
      const { views, kind } = this.#told;
      if (kind === ToOwnerRecord.Join) {
        const { session, again } = readJoin(views, offset);
        told.push([again ? 'again' : 'join', session]);
      } else {
        const { session, clean, confirm } = readLeave(views, offset);
        if (!confirm) throw new Error('the edge would never know that its number is free');
        told.push([clean ? 'clean' : 'leave', session]);
      }
    }
    this.#told.release();
    return told;
  }
}

describe('a device behind a gateway', () => {
  it('joins once, as a session of its own that names the gateway', () => {
    const bench = new Bench();
    const { session } = bench.gateway('gw-1');
    const device = bench.speak(session, 'dev');
    expect(bench.speak(session, 'dev')).toBe(device);
    expect(bench.told()).toEqual([['join', device.number]]);
    expect(bench.gateways.find(device.number)).toBe(device);
    expect(bench.gateways.connected).toEqual([device]);
  });

  it('is one that is there until it leaves, or its gateway closes', () => {
    const bench = new Bench();
    const { session } = bench.gateway();
    const [first, second] = [bench.speak(session, 'a'), bench.speak(session, 'b')];
    expect(bench.count).toBe(2);
    bench.gateways.goodbye(first);
    expect(bench.gateways.connected).toEqual([second]);
    session.closing = true;
    expect(bench.gateways.connected).toEqual([]);
    bench.gateways.end(session);
    for (const work of bench.later.splice(0)) work();
    expect(bench.count).toBe(0);
  });

  it('has waiting what waits for its gateway', () => {
    const bench = new Bench();
    const { session } = bench.gateway();
    session.attach({ bufferedBytes: () => 12 } as never);
    expect(bench.speak(session, 'dev').bufferedBytes).toBe(12);
  });

  it('is sent what is for it by way of the gateway, after it was let in', () => {
    const bench = new Bench();
    const { session, frames } = bench.gateway();
    const device = bench.speak(session, 'dev');
    device.send(device.codec.ack('1', 7, false));
    expect(frames).toEqual([]);
    device.welcome(0, device.codec.welcome('dev', 1));
    expect(frames).toEqual([{ op: 'ack', device: 'dev', id: 1, seq: 7 }]);
  });

  it('leaves with its goodbye, and its number stays its own until the owner has worked that off', () => {
    const bench = new Bench();
    const { session, frames } = bench.gateway();
    const device = bench.speak(session, 'dev');
    device.welcome(0, undefined);
    bench.gateways.goodbye(device);
    expect(bench.told()).toEqual([
      ['join', device.number],
      ['clean', device.number],
    ]);
    bench.gateways.find(device.number)?.send(device.codec.ack('1', 7, false));
    expect(frames).toHaveLength(1);
    expect(bench.gateways.connected).toEqual([]);
    bench.gateways.left(device.number);
    expect(bench.gateways.find(device.number)).toBeUndefined();
    expect(bench.speak(session, 'dev')).not.toBe(device);
  });

  it('is taken by the owner: the gateway is told, and may not speak for it until it opens it', () => {
    const bench = new Bench();
    const { session, frames } = bench.gateway();
    const device = bench.speak(session, 'dev');
    device.close({ code: 4004, retry: 'never', reason: '' });
    device.close({ code: 4009, retry: 'never', reason: '' });
    expect(frames).toEqual([{ op: 'closed', device: 'dev', code: 4004 }]);
    expect(device.closing).toBe(true);
    expect(bench.told()).toEqual([
      ['join', device.number],
      ['leave', device.number],
    ]);
    expect(bench.refusal(session, 'dev')).toBe('taken');
    const again = bench.speak(session, 'dev', true);
    expect(again).not.toBe(device);
    expect(bench.speak(session, 'dev')).toBe(again);
  });

  it('that is taken after it was opened anew is not the new one', () => {
    const bench = new Bench();
    const { session, frames } = bench.gateway();
    const device = bench.speak(session, 'dev');
    bench.gateways.goodbye(device);
    const again = bench.speak(session, 'dev');
    bench.told();
    device.close({ code: 4004, retry: 'never', reason: '' });
    expect(frames).toEqual([]);
    expect(bench.told()).toEqual([]);
    expect(session.devices.get('dev')).toBe(again);
  });
});

describe('a gateway', () => {
  it('speaks for what its token covers', () => {
    const bench = new Bench();
    const { session } = bench.gateway('gw', ['site-a.*', 'meter']);
    bench.speak(session, 'site-a.1');
    bench.speak(session, 'meter');
    expect(bench.refusal(session, 'site-b.1')).toBe('notCovered');
    expect(bench.gateways.silenced(session, 'site-b.1')).toBe('notCovered');
  });

  it('speaks for so many devices at once', () => {
    const bench = new Bench();
    const { session } = bench.gateway();
    const [first] = ['a', 'b', 'c'].map((id) => bench.speak(session, id));
    expect(bench.refusal(session, 'd')).toBe('tooMany');
    bench.gateways.goodbye(first!);
    bench.speak(session, 'd');
    expect(bench.refusal(session, 'a')).toBe('tooMany');
  });

  it('does not count devices that were taken from it', () => {
    const bench = new Bench(1);
    const { session } = bench.gateway();
    for (const id of ['a', 'b', 'c'])
      bench.speak(session, id).close({ code: 4004, retry: 'never', reason: '' });
    expect(['a', 'b', 'c'].map((id) => bench.refusal(session, id))).toEqual(['taken', 'taken', 'taken']);
  });

  it('remembers ten thousand devices that were taken from it, and forgets the first of more', () => {
    const bench = new Bench();
    const { session } = bench.gateway();
    for (let n = 0; n <= 10_000; n++) session.take(`dev-${n}`, 4004);
    expect([0, 1, 10_000].map((n) => session.isTaken(`dev-${n}`))).toEqual([false, true, true]);
  });

  it('pays for each device that it connects', () => {
    const bench = new Bench();
    const { session } = bench.gateway();
    bench.mayConnect = false;
    expect(bench.refusal(session, 'dev')).toBe('overRate');
    expect(bench.told()).toEqual([]);
  });

  it('that ends loses all its devices, a few at a time', () => {
    const count = 1000;
    const bench = new Bench(count);
    const { session } = bench.gateway();
    const devices = Array.from({ length: count }, (_, n) => bench.speak(session, `dev-${n}`));
    for (const { number } of devices) bench.gateways.joined(number);
    devices[3]!.close({ code: 4004, retry: 'never', reason: '' });
    bench.told();
    session.closing = true;
    bench.gateways.end(session);
    bench.gateways.end(session);
    expect(bench.told()).toEqual([]);
    const portions: number[] = [];
    for (let work = bench.later.shift(); work !== undefined; work = bench.later.shift()) {
      work();
      const told = bench.told();
      expect(told.every(([what]) => what === 'leave')).toBe(true);
      for (const [, number] of told) bench.gateways.left(number);
      portions.push(told.length);
    }
    expect(portions.reduce((sum, portion) => sum + portion, 0)).toBe(count - 1);
    expect(Math.max(...portions)).toBeLessThanOrEqual(250);
    expect(bench.ended).toHaveLength(count);
    expect(bench.gateways.connected).toEqual([]);
  });

  it('that ends without devices leaves nothing to do; of two that end one turn sees to both', () => {
    const bench = new Bench();
    const [first, second, idle] = ['gw-1', 'gw-2', 'gw-3'].map((id) => bench.gateway(id).session);
    bench.gateways.end(idle!);
    expect(bench.later).toHaveLength(0);
    for (const session of [first!, second!]) {
      bench.speak(session, `of-${session.id}`);
      bench.gateways.end(session);
    }
    expect(bench.later).toHaveLength(1);
    bench.told();
    for (let work = bench.later.shift(); work !== undefined; work = bench.later.shift()) work();
    expect(bench.told()).toHaveLength(2);
  });

  it('that ends is told of nothing any more', () => {
    const bench = new Bench();
    const { session, frames } = bench.gateway();
    const device = bench.speak(session, 'dev');
    session.closing = true;
    bench.gateways.end(session);
    device.close({ code: 4004, retry: 'never', reason: '' });
    for (const work of bench.later) work();
    expect(frames).toEqual([]);
    expect(bench.told().slice(1)).toEqual([['leave', device.number]]);
  });
});

describe('a new owner', () => {
  it('is told of the devices that are spoken for, and of no other', () => {
    const bench = new Bench();
    const { session } = bench.gateway('gw-1');
    const { session: ending } = bench.gateway('gw-2');
    const stays = bench.speak(session, 'stays');
    stays.welcome(0, undefined);
    const arrives = bench.speak(session, 'arrives');
    bench.gateways.goodbye(bench.speak(session, 'leaves'));
    bench.speak(ending, 'lost');
    ending.closing = true;
    bench.gateways.end(ending);
    bench.told();
    bench.gateways.rejoin();
    expect(bench.told()).toEqual([
      ['again', stays.number],
      ['join', arrives.number],
    ]);
  });
});

describe('gateways whose devices the owner has not seen to', () => {
  /** As many devices as the owner may have before it answers. */
  function crowd() {
    const bench = new Bench(2 * UNANSWERED_MAX);
    const { session } = bench.gateway();
    const devices = Array.from({ length: UNANSWERED_MAX }, (_, n) => bench.speak(session, `dev-${n}`));
    return { bench, session, devices };
  }

  it('are held until it has answered one', () => {
    const { bench, devices } = crowd();
    expect(bench.gateways.isHeld).toBe(true);
    bench.gateways.joined(devices[0]!.number);
    bench.gateways.joined(devices[0]!.number);
    expect(bench.gateways.isHeld).toBe(false);
    bench.gateways.goodbye(devices[0]!);
    expect(bench.gateways.isHeld).toBe(true);
    bench.gateways.left(devices[0]!.number);
    bench.gateways.left(devices[0]!.number);
    expect(bench.gateways.isHeld).toBe(false);
  });

  it('count a device that left before it was let in until the owner knows of both', () => {
    const { bench, devices } = crowd();
    bench.gateways.goodbye(devices[0]!);
    bench.gateways.joined(devices[0]!.number);
    expect(bench.gateways.isHeld).toBe(true);
    bench.gateways.left(devices[0]!.number);
    expect(bench.gateways.isHeld).toBe(false);
  });

  it('do not wait for an owner that answers none of them for long', () => {
    const { bench, devices, session } = crowd();
    bench.clock.advance(HELD_MS_MAX - 1);
    bench.speak(session, 'another');
    expect(bench.gateways.isHeld).toBe(true);
    bench.clock.advance(1);
    expect(bench.gateways.isHeld).toBe(false);
    bench.gateways.joined(devices[0]!.number);
    expect(bench.gateways.isHeld).toBe(true);
  });

  it('wait for one that was idle before, however long', () => {
    const bench = new Bench(2 * UNANSWERED_MAX);
    const { session } = bench.gateway();
    bench.gateways.joined(bench.speak(session, 'first').number);
    bench.clock.advance(10 * HELD_MS_MAX);
    for (let n = 0; n < UNANSWERED_MAX; n++) bench.speak(session, `dev-${n}`);
    expect(bench.gateways.isHeld).toBe(true);
  });

  it('are not held by what an owner that died was told', () => {
    const { bench } = crowd();
    bench.gateways.rejoin();
    expect(bench.gateways.isHeld).toBe(false);
  });

  it('lose the devices of one that ends when there is time for it', () => {
    const { bench, session, devices } = crowd();
    bench.told();
    session.closing = true;
    bench.gateways.end(session);
    bench.later.shift()!();
    expect(bench.told()).toEqual([]);
    for (const { number } of devices) bench.gateways.joined(number);
    bench.later.shift()!();
    expect(bench.told()).toHaveLength(250);
  });
});
