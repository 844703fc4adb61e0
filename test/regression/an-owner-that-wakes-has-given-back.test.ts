import { expect, it } from 'vitest';
import { ownerSettings } from '../../fixtures/owner-settings.ts';
import { createHistory } from '../../src/history/memory.ts';
import { Counters, createCounters } from '../../src/memory/counters.ts';
import { createDoorbell, Ringer, Sleeper } from '../../src/memory/doorbell.ts';
import { createHeartbeat, Pulse } from '../../src/memory/heartbeat.ts';
import { createRing, RingConsumer, RingProducer, ringUsedRatio } from '../../src/memory/ring.ts';
import { EdgeLink } from '../../src/owner/edge-link.ts';
import { Owner } from '../../src/owner/owner.ts';
import { createPresence } from '../../src/presence/memory.ts';
import { SessionKind, writeJoin } from '../../src/records/requests.ts';
import { createSessionNumbers, sessionNumbers } from '../../src/records/sessions.ts';
import { FakeClock } from '../support/fake-clock.ts';

const RING_BYTES = 64 * 1024;

/** An owner that died during a wake had sent the events of its poll, and the next one counted them as lost. */
it('gives back what it has worked off before it wakes anybody', () => {
  const [toOwner, fromOwner] = [createRing(RING_BYTES), createRing(RING_BYTES)];
  const doorbell = createDoorbell();
  const usedAtWakes: number[] = [];
  const owner = new Owner({
    presence: createPresence({ devices: 8, subscribers: 8, subscriptions: 8 }),
    history: createHistory(0),
    rings: [new RingConsumer(toOwner)],
    links: [
      new EdgeLink(
        new RingProducer(fromOwner),
        new Ringer(doorbell, () => usedAtWakes.push(ringUsedRatio(toOwner))),
      ),
    ],
    pulses: [new Pulse(createHeartbeat())],
    clock: new FakeClock(),
    counters: new Counters(createCounters()),
    settings: ownerSettings,
    rules: [],
  });
  const ring = new RingProducer(toOwner);
  writeJoin(ring, {
    session: sessionNumbers(createSessionNumbers(), 0, () => false)(),
    kind: SessionKind.device,
    actor: { role: 'device', id: 'dev-1', devices: undefined, vip: false },
    connectedAt: 1,
    again: false,
    hold: false,
    interest: false,
    gateway: '',
    ticket: 0,
  });
  ring.commit();
  expect(ringUsedRatio(toOwner)).toBeGreaterThan(0);
  new Sleeper(doorbell).announce();
  owner.poll(100);
  expect(usedAtWakes).toEqual([0]);
});
