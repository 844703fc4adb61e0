/** What devices are told of whether anybody listens, by the numbers of listeners in a presence table. */
import { describe, expect, it } from 'vitest';
import { DeviceSession } from '../../../src/edge/publish/device-session.ts';
import { Interests } from '../../../src/edge/publish/interests.ts';
import { createPresence } from '../../../src/presence/memory.ts';
import { PresenceReader } from '../../../src/presence/reader.ts';
import { jsonDeviceCodec } from '../../../src/wire/hub-frames.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const LINGER_MS = 5000;

function start() {
  const clock = new FakeClock();
  const { rows } = new PresenceReader(createPresence({ devices: 4, subscribers: 1, subscriptions: 1 }))
    .devices;
  const interests = new Interests(rows, clock, { interestLingerMs: LINGER_MS });
  const told: string[] = [];
  return {
    clock,
    interests,
    device(slot: number, wantsInterest = true): DeviceSession {
      const actor = { role: 'device', id: `d${slot}`, devices: undefined, vip: false } as const;
      const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
      const device = new DeviceSession(admitted, slot + 1, 1, { codec: jsonDeviceCodec, wantsInterest });
      device.attach({
        send(frame: string) {
          told.push(`d${slot} ${(JSON.parse(frame) as { active: boolean }).active}`);
        },
      } as never);
      device.welcome(slot, undefined);
      return device;
    },
    listen(slot: number, count: number) {
      Atomics.store(rows.active, slot, count);
    },
    /** What the devices were told since the last call. */
    told: () => told.splice(0),
  };
}

/** A device that was told that somebody listens. */
function listenedTo(bench: ReturnType<typeof start>, slot: number): DeviceSession {
  const device = bench.device(slot);
  bench.listen(slot, 1);
  bench.interests.welcomed(device);
  expect(bench.told()).toEqual([`d${slot} true`]);
  return device;
}

/** Its last listener goes. */
function leave(bench: ReturnType<typeof start>, device: DeviceSession): void {
  bench.listen(device.slot, 0);
  bench.interests.changed(device);
}

describe('a device that wants to know whether anybody listens', () => {
  it.each([0, 1, 2])('is told with its welcome (%i listeners)', (count) => {
    const bench = start();
    bench.listen(1, count);
    const device = bench.device(1);
    bench.interests.welcomed(device);
    expect(bench.told()).toEqual([`d1 ${count > 0}`]);
    expect(device.toldInterest).toBe(count > 0);
  });

  it('is told at once that the first listener has come, and of no further one', () => {
    const bench = start();
    const device = bench.device(1);
    bench.interests.welcomed(device);
    bench.told();
    for (const count of [1, 2]) {
      bench.listen(1, count);
      bench.interests.changed(device);
    }
    expect(bench.told()).toEqual(['d1 true']);
  });

  it('is told that nobody listens once that has been so for a while', () => {
    const bench = start();
    const device = listenedTo(bench, 1);
    leave(bench, device);
    bench.clock.advance(LINGER_MS - 1);
    bench.interests.tick();
    expect(bench.told()).toEqual([]);
    bench.clock.advance(1);
    bench.interests.tick();
    bench.clock.advance(LINGER_MS);
    bench.interests.tick();
    expect(bench.told()).toEqual(['d1 false']);
    bench.interests.changed(device);
    bench.clock.advance(LINGER_MS);
    bench.interests.tick();
    expect(bench.told()).toEqual([]);
  });

  it('is told nothing of a listener that came and went unseen, and the while begins anew', () => {
    const bench = start();
    const [device, other] = [listenedTo(bench, 1), listenedTo(bench, 2)];
    leave(bench, device);
    leave(bench, other);
    bench.clock.advance(LINGER_MS - 1);
    for (let change = 0; change < 2; change++) bench.interests.changed(device);
    bench.clock.advance(1);
    bench.interests.tick();
    expect(bench.told()).toEqual(['d2 false']);
    bench.clock.advance(LINGER_MS - 1);
    bench.interests.tick();
    expect(bench.told()).toEqual(['d1 false']);
  });

  it('is told nothing when a listener comes back meanwhile, and the while begins anew', () => {
    const bench = start();
    const device = listenedTo(bench, 1);
    leave(bench, device);
    bench.clock.advance(LINGER_MS - 1);
    bench.listen(1, 1);
    bench.interests.changed(device);
    leave(bench, device);
    bench.clock.advance(LINGER_MS - 1);
    bench.interests.tick();
    expect(bench.told()).toEqual([]);
    bench.clock.advance(1);
    bench.interests.tick();
    expect(bench.told()).toEqual(['d1 false']);
  });

  it('is told nothing when somebody listens by the time that it would be told', () => {
    const bench = start();
    const device = listenedTo(bench, 1);
    leave(bench, device);
    bench.listen(1, 1); // the record of it is still on its way
    bench.clock.advance(LINGER_MS);
    bench.interests.tick();
    bench.interests.changed(device);
    expect(bench.told()).toEqual([]);
  });

  it('is told by itself, whenever others are', () => {
    const bench = start();
    const [first, second] = [listenedTo(bench, 1), listenedTo(bench, 2)];
    leave(bench, first);
    bench.clock.advance(1);
    leave(bench, second);
    bench.clock.advance(LINGER_MS - 1);
    bench.interests.tick();
    expect(bench.told()).toEqual(['d1 false']);
    bench.clock.advance(1);
    bench.interests.tick();
    expect(bench.told()).toEqual(['d2 false']);
  });

  it('is told nothing before its welcome, and nothing once its connection ends', () => {
    const bench = start();
    const early = bench.device(1);
    bench.listen(1, 1);
    bench.interests.changed(early);
    leave(bench, early);
    const ending = listenedTo(bench, 2);
    leave(bench, ending);
    bench.interests.forget(ending);
    bench.clock.advance(LINGER_MS);
    bench.interests.tick();
    expect(bench.told()).toEqual([]);
  });
});

it('says nothing to a device that did not ask', () => {
  const bench = start();
  const device = bench.device(1, false);
  bench.listen(1, 1);
  bench.interests.welcomed(device);
  bench.interests.changed(device);
  expect(bench.told()).toEqual([]);
  expect(device.toldInterest).toBeUndefined();
});
