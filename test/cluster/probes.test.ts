import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CONTEST_MS } from '../../src/cluster/limits.ts';
import { Probes } from '../../src/cluster/probes.ts';
import { HomeKind } from '../../src/cluster/records.ts';
import { Registry } from '../../src/owner/registry.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { PresenceReader } from '../../src/presence/reader.ts';
import { FakeClock } from '../support/fake-clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  const memory = createPresence({ devices: 4, subscribers: 4, subscriptions: 4 });
  const registry = new Registry(memory, 1);
  const clock = new FakeClock();
  const sent: string[] = [];
  const answered: string[] = [];
  const probes = new Probes({
    clock,
    presence: new PresenceReader(memory),
    send: (_, id) => sent.push(id),
    answered: (_, id) => answered.push(id),
  });
  /** The device, or the subscriber, is heard now. */
  const heard = (kind: 'devices' | 'subscribers', id: string): void => {
    const slot = kind === 'devices' ? registry.ensureDeviceOf(id) : registry.ensureSubscriberOf(id);
    Atomics.store(registry[kind].rows.lastSeen, slot, BigInt(Math.floor(clock.nowMs)));
  };
  return { probes, clock, sent, answered, heard };
}

it('a connection that is heard after the ping has answered, once', () => {
  const { probes, clock, sent, answered, heard } = setUp();
  heard('devices', 'dev-1');
  probes.ping(HomeKind.device, 'dev-1');
  probes.ping(HomeKind.subscriber, 'ann');
  expect(sent).toEqual([]);
  vi.runAllTimers();
  expect(sent).toEqual(['dev-1', 'ann']);
  probes.tick();
  expect(answered).toEqual([]);
  clock.advance(10);
  heard('subscribers', 'ann');
  probes.tick();
  probes.tick();
  expect(answered).toEqual(['ann']);
  heard('devices', 'dev-1');
  probes.tick();
  expect(answered).toEqual(['ann', 'dev-1']);
});

it('a connection that is heard too late has not answered', () => {
  const { probes, clock, answered, heard } = setUp();
  probes.ping(HomeKind.device, 'dev-1');
  clock.advance(CONTEST_MS);
  probes.tick();
  heard('devices', 'dev-1');
  probes.tick();
  expect(answered).toEqual([]);
});

it('a connection that is heard in the same millisecond as the ping has not answered', () => {
  const { probes, clock, answered, heard } = setUp();
  clock.advance(0.5);
  probes.ping(HomeKind.device, 'dev-1');
  heard('devices', 'dev-1');
  probes.tick();
  expect(answered).toEqual([]);
  clock.advance(1);
  heard('devices', 'dev-1');
  probes.tick();
  expect(answered).toEqual(['dev-1']);
});

it('a connection that answers within the time has answered', () => {
  const { probes, clock, answered, heard } = setUp();
  probes.ping(HomeKind.device, 'dev-1');
  clock.advance(CONTEST_MS - 1);
  probes.tick();
  heard('devices', 'dev-1');
  probes.tick();
  expect(answered).toEqual(['dev-1']);
});

it('a peer without a row has not answered, whoever else is heard', () => {
  const { probes, clock, answered, heard } = setUp();
  probes.ping(HomeKind.subscriber, 'dev-1');
  clock.advance(10);
  heard('devices', 'dev-1');
  heard('subscribers', 'ann');
  probes.tick();
  expect(answered).toEqual([]);
});

it('a gateway is alive as long as it is connected', () => {
  const { probes, sent, answered } = setUp();
  probes.ping(HomeKind.gateway, 'gw-1');
  vi.runAllTimers();
  expect([sent, answered]).toEqual([[], ['gw-1']]);
});

it('answers after a reset are nobody’s', () => {
  const { probes, clock, answered, heard } = setUp();
  probes.ping(HomeKind.device, 'dev-1');
  probes.reset();
  clock.advance(10);
  heard('devices', 'dev-1');
  probes.tick();
  expect(answered).toEqual([]);
});
