/** Feeds the session valid streams that are corrupted at random and split anywhere, and checks its invariants. */
import { describe, expect, it } from 'vitest';
import { errors } from '../../../src/codes.ts';
import type { Version } from '../../../src/wire/mqtt/constants.ts';
import { mutate } from '../../fuzz/mutate.ts';
import { Random } from '../../support/random.ts';
import { testSeed } from '../../support/seed.ts';
import { Peer } from './fake-host.ts';
import { sampleConnect, samplePackets } from './samples.ts';

const STREAMS = 2000;
const PACKET_BYTES_MAX = 2000;

function streamOf(random: Random, version: Version): Buffer {
  const samples = samplePackets(version);
  const connect = sampleConnect(version);
  const parts = Array.from({ length: 1 + random.below(12) }, () => {
    const good = random.pick([...samples, connect]);
    return random.below(3) === 0 ? mutate(good, random, random.pick(samples)) : good;
  });
  const first = random.below(5) === 0 ? mutate(connect, random, random.pick(samples)) : connect;
  return Buffer.concat([first, ...parts]);
}

/** What the hub answers to an event: it has it, it will say later, or no. */
const outcomes = [0, 0, -1, -1, errors.rateLimit.code, errors.limit.code, errors.denied.code];

/** Feeds one stream. @returns whether the client was ever let in */
function play(random: Random): boolean {
  const version = random.pick([4, 5] as const);
  const role = random.pick([undefined, 'device', 'subscriber', 'gateway'] as const);
  const peer = new Peer({ version, role, settings: { packetBytesMax: PACKET_BYTES_MAX } });
  const { host, session } = peer;
  host.covered = ['dev-1'];
  host.answersRequests = random.below(2) === 0;
  if (random.below(4) === 0) host.admission = undefined;
  const stream = streamOf(random, version);
  for (let at = 0; at < stream.length; ) {
    const size = random.below(4) === 0 ? 1 + random.below(3) : 1 + random.below(200);
    host.outcome = random.pick(outcomes);
    const published = host.events.length;
    peer.sendBytes(stream.subarray(at, at + size)); // reads every answer with mqtt-packet
    at += size;
    expect(session.heldBytes).toBeLessThanOrEqual(PACKET_BYTES_MAX);
    if (random.below(3) === 0) host.later.shift()?.();
    if (random.below(4) === 0) {
      host.lateAdmission?.({ ok: true, id: 'dev-1', role });
      host.lateAdmission = undefined;
    }
    if (host.outcome === -1)
      for (const { packetId } of host.events.slice(published))
        if (packetId !== 0) session.published(packetId, random.pick([0, errors.limit.code]), false);
    peer.said();
    if (host.ended !== undefined) {
      // After the end nothing is said, taken or held.
      const { length } = host.events;
      expect(peer.sendBytes(stream)).toEqual([]);
      expect(host.events).toHaveLength(length);
      expect(session.heldBytes).toBe(0);
      break;
    }
  }
  session.closed();
  expect(host.leaves).toHaveLength(host.joins.length);
  return host.joins.length > 0;
}

describe('corrupted streams', () => {
  const seed = testSeed();
  it(`with seed ${seed} never break the session, and get valid MQTT as answers only`, () => {
    const random = new Random(seed);
    let open = 0;
    for (let i = 0; i < STREAMS; i++) if (play(random)) open += 1;
    expect(open).toBeGreaterThan(STREAMS / 2);
    expect(open).toBeLessThan(STREAMS);
  });
});
