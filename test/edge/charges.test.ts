import { beforeEach, describe, expect, it } from 'vitest';
import { Allowances, createAllowances } from '../../src/edge/allowances.ts';
import { Charges } from '../../src/edge/charges.ts';
import type { EdgeSession } from '../../src/edge/edge-deps.ts';
import { Session } from '../../src/edge/session.ts';
import { Counter, Counters, createCounters } from '../../src/memory/counters.ts';
import { SessionKind } from '../../src/records/requests.ts';
import { jsonDeviceCodec } from '../../src/wire/hub-frames.ts';
import { FakeClock } from '../support/fake-clock.ts';

class Peer extends Session {
  readonly codec = jsonDeviceCodec;
  readonly actor = { role: 'device', id: 'dev-1', devices: undefined, vip: false } as const;
  readonly kind: SessionKind;
  readonly closedWith: number[] = [];

  constructor(kind: SessionKind, id = 'dev-1', idIsGenerated = false) {
    const actor = { role: 'device', id, devices: undefined, vip: false } as const;
    super({ ok: true, actor, expiresAt: 0, address: 7, idIsGenerated }, 1, 0);
    this.kind = kind;
  }

  override close({ code }: { readonly code: number }): void {
    this.closing = true;
    this.closedWith.push(code);
  }
}

const peer = (kind: SessionKind, id?: string) => new Peer(kind, id) as Peer & EdgeSession;
/** Its id is generated: it shares what others of its address leave. */
const anonymous = () => new Peer(SessionKind.subscriber, 's', true) as Peer & EdgeSession;

const clock = new FakeClock();
const settings = { deviceRate: 10, deviceBurst: 20, subscriberRate: 5, subscriberBurst: 5 };
let counters: Counters;
let allowances: Allowances;
let current: typeof settings;
let charges: Charges;

beforeEach(() => {
  counters = new Counters(createCounters());
  allowances = new Allowances(createAllowances());
  current = { ...settings };
  charges = new Charges({ clock, counters, allowances, settings: current });
});

function takenNow(session: EdgeSession, most = 1000): number {
  let taken = 0;
  while (taken < most && charges.frame(session, 1, clock.now())) taken += 1;
  return taken;
}

describe('what peers pay', () => {
  it('is counted from the first thing that they ask for', () => {
    const device = peer(SessionKind.device);
    expect(charges.waitMs(device, 100, clock.now())).toBe(0);
    expect(charges.counted).toBe(0);
    expect(takenNow(device)).toBe(20);
    expect(charges.counted).toBe(1);
    expect(charges.waitMs(device, 1, clock.now())).toBe(100);
  });

  it('has a rate for each kind of peer', () => {
    expect(takenNow(peer(SessionKind.subscriber))).toBe(5);
    expect(takenNow(peer(SessionKind.gateway))).toBe(20);
    expect(charges.rateOf(peer(SessionKind.subscriber))).toEqual({ perSecond: 5, burst: 5 });
  });

  it('of an answer is a fiftieth for each row', () => {
    const subscriber = peer(SessionKind.subscriber);
    charges.rows(subscriber, 0);
    expect(charges.counted).toBe(0);
    charges.rows(subscriber, 500);
    expect(charges.waitMs(subscriber, 1, clock.now())).toBe(1200);
  });

  it('is nothing where there is no limit', () => {
    current.deviceRate = 0;
    charges.settingsChanged([]);
    const device = peer(SessionKind.device);
    expect(takenNow(device)).toBe(1000);
    charges.rows(device, 1000);
    expect(charges.isFlood(device, 1e6)).toBe(false);
    expect(charges.counted).toBe(0);
  });
});

describe('after a stall of the thread, a peer', () => {
  /** @returns as many frames of cost 1 as a device may send `ms` after the timers ran last */
  function takenAfterStall(ms: number): number {
    charges.tick();
    clock.advance(ms);
    return takenNow(peer(SessionKind.device));
  }

  it('may send what it was allowed meanwhile, even if its frames come before any timer', () => {
    expect(takenAfterStall(500)).toBe(20);
    expect(takenAfterStall(4500)).toBe(65);
  });

  it('may send it too if a timer came first', () => {
    charges.tick();
    clock.advance(4500);
    charges.tick();
    clock.advance(100);
    charges.tick();
    expect(takenNow(peer(SessionKind.device))).toBe(66);
  });

  it('is not closed for what waits of it', () => {
    const device = peer(SessionKind.device);
    takenNow(device);
    charges.tick();
    clock.advance(4000);
    expect(charges.isFlood(device, 1000)).toBe(false);
    expect(takenNow(device)).toBe(40);
    expect(charges.isFlood(device, 119)).toBe(false);
    expect(device.closedWith).toEqual([]);
    expect(charges.isFlood(device, 120)).toBe(true);
  });

  it('may send no more than its burst before the timers start', () => {
    clock.advance(60_000);
    expect(takenNow(peer(SessionKind.device))).toBe(20);
  });
});

describe('a change of the rates', () => {
  it('leaves used what was used', () => {
    const device = peer(SessionKind.device);
    takenNow(device);
    current.deviceRate = 1000;
    current.deviceBurst = 30;
    charges.settingsChanged([device]);
    expect(takenNow(device)).toBe(10);
  });

  it('to no limit forgets what was used', () => {
    const device = peer(SessionKind.device);
    takenNow(device, 15);
    current.deviceRate = 0;
    charges.settingsChanged([device]);
    expect(charges.counted).toBe(0);
    expect(charges.waitMs(device, 1, clock.now())).toBe(0);
    current.deviceRate = 10;
    charges.settingsChanged([device]);
    expect(takenNow(device)).toBe(20);
  });
});

describe('the end of a session', () => {
  it('leaves what was used to the next connection of the same peer, and of no other', () => {
    const first = peer(SessionKind.device);
    takenNow(first);
    charges.end(first);
    expect(charges.counted).toBe(0);
    expect(takenNow(peer(SessionKind.device))).toBe(0);
    expect(takenNow(peer(SessionKind.gateway))).toBe(20);
    expect(takenNow(peer(SessionKind.device, 'dev-2'))).toBe(20);
  });

  it('leaves no more to the next under a generated id than another of the address has left', () => {
    const [busy, quiet] = [anonymous(), anonymous()];
    takenNow(quiet, 1);
    takenNow(busy);
    charges.end(busy);
    charges.end(quiet);
    expect(takenNow(anonymous())).toBe(0);
  });

  it('is the end of what it pays: nothing is counted for it any more', () => {
    const device = peer(SessionKind.device);
    charges.end(device);
    charges.end(device);
    expect(charges.frame(device, 1000, clock.now())).toBe(true);
    charges.rows(device, 1000);
    charges.include(device);
    expect(charges.counted).toBe(0);
  });

  it('that comes after the next connection has begun is charged to that one, once', () => {
    const first = peer(SessionKind.device);
    const second = peer(SessionKind.device);
    takenNow(first, 15);
    charges.frame(second, 1, clock.now());
    charges.end(first);
    charges.include(second);
    charges.include(second);
    expect(takenNow(second)).toBe(4);
  });
});

describe('a peer far over its rate', () => {
  it('is closed once what it asked for is ten times its rate and its burst', () => {
    const device = peer(SessionKind.device);
    for (let n = 0; n < 120; n++) charges.frame(device, 1, clock.now());
    expect(device.closedWith).toEqual([]);
    expect(charges.frame(device, 1, clock.now())).toBe(false);
    expect(device.closedWith).toEqual([4101]);
    expect(counters.cells[Counter.closedFarOverRate]).toBe(1);
  });

  it('is closed for what waits, a device once it may send nothing, with what waits counted as dropped', () => {
    const device = peer(SessionKind.device);
    expect(charges.isFlood(device, 1000)).toBe(false); // it has not asked for anything yet
    takenNow(device, 19);
    expect(charges.isFlood(device, 1000)).toBe(false);
    takenNow(device);
    expect(charges.isFlood(device, 99)).toBe(false);
    expect(charges.isFlood(device, 1000)).toBe(true);
    expect(device.closedWith).toEqual([4101]);
    expect(counters.cells[Counter.droppedRate]).toBe(1000);
    expect(charges.isFlood(device, 0)).toBe(true); // what still comes of it is not looked at
    expect(device.closedWith).toEqual([4101]);
  });

  it('is closed for what waits, a subscriber at once', () => {
    const subscriber = peer(SessionKind.subscriber);
    charges.frame(subscriber, 1, clock.now());
    expect(charges.isFlood(subscriber, 54)).toBe(false);
    expect(charges.isFlood(subscriber, 55)).toBe(true);
    expect(counters.cells[Counter.droppedSubscriberRate]).toBe(55);
  });
});
