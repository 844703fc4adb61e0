/**
 * A node that says anything: records of every kind with values by chance, in a session like any other. The others must
 * neither throw nor lose an event of each other.
 */
import { describe, expect, it } from 'vitest';
import * as records from '../../src/cluster/records.ts';
import { Random } from '../support/random.ts';
import { runs } from '../support/runs.ts';
import { testSeed } from '../support/seed.ts';
import type { Connection } from './support/fake-host.ts';
import { eventOf } from './support/fake-host.ts';
import { Simulation } from './support/simulation.ts';

const IDS = ['dev-1', 'dev-2', 'sub-1', 'nobody'];

/** A value that its field may hold, often one that means something. */
function value(random: Random, name: string): unknown {
  const numbers = [0, 1, 2, 3, 7, 40, 2 ** 31, 2 ** 52];
  switch (name) {
    case 'id':
    case 'to':
      return random.pick([...IDS, 'a', 'b', 'rogue']);
    case 'ids':
      return Array.from({ length: random.below(5) }, () => random.pick(IDS));
    case 'prefix':
    case 'cursor':
      return random.pick(['', 'dev', 'a b', 'x'.repeat(200)]);
    case 'epoch':
    case 'bucket':
    case 'name':
    case 'status':
      return random.pick(['', 'e', 'x'.repeat(300), 'a-1']);
    case 'bytes':
    case 'body':
      return random.bytes(random.below(100));
    case 'fresh':
    case 'connected':
    case 'since':
    case 'fromClaim':
    case 'leave':
    case 'alive':
    case 'joining':
    case 'found':
    case 'more':
      return random.next() < 0.5;
    case 'kind':
    case 'level':
    case 'state':
    case 'why':
      return random.below(5);
    case 'lastSeen':
    case 'at':
      return random.next() * 1e12;
    default:
      return random.pick(numbers);
  }
}

const types = Object.values(records).filter(
  (one): one is typeof records.claim => typeof one === 'object' && 'write' in one,
);
/** A record of whatever values; each is the same however often it is looked at, as a writer may expect. */
function anything(random: Random): object {
  const values = new Map<string, unknown>();
  const get = (_: object, key: string | symbol): unknown => {
    const name = String(key);
    if (!values.has(name)) values.set(name, value(random, name));
    return values.get(name);
  };
  return new Proxy({}, { get });
}

describe('a node that says anything', () => {
  it('throws no other node off its way', () => {
    const seeds = new Random(testSeed());
    for (let run = 0; run < runs(30); run++) {
      const seed = seeds.below(2 ** 31);
      const random = new Random(seed);
      const simulation = new Simulation(random, 10);
      const [a, b] = [simulation.start('a'), simulation.start('b')];
      const rogue = simulation.startRogue('rogue');
      simulation.run(3000);
      const device: Connection = { id: 'quiet-1', alive: true, closed: undefined };
      b.host.follow('quiet-1');
      a.host.connectDevice(device);
      for (const id of IDS) b.host.follow(id);
      for (const id of ['dev-1', 'dev-2']) a.host.connectDevice({ id, alive: true, closed: undefined });
      a.host.connectSubscriber({ id: 'sub-1', alive: true, closed: undefined });
      simulation.run(200);
      let sent = 0;
      try {
        for (let step = 0; step < 400; step++) {
          for (const session of rogue.openSessions) {
            const roll = random.next();
            if (roll < 0.1) {
              const [views, bytes] = eventOf(random.below(5), 1 + random.below(50), 1);
              views.u8[random.below(bytes)] = random.below(256);
              const at = session.claim(records.EVENT, bytes);
              session.views.u8.set(views.u8.subarray(0, bytes), at);
            } else if (roll < 0.2) {
              const bytes = random.bytes(random.below(200));
              const at = session.claim(random.below(50), bytes.length);
              session.views.u8.set(bytes, at);
            } else {
              random.pick(types).write(session, anything(random) as never);
            }
          }
          if (step % 10 === 0) a.host.publish(device, ++sent);
          simulation.run(random.below(30));
        }
        simulation.run(3000);
        expect(rogue.openSessions).toHaveLength(2);
      } catch (failure) {
        throw new Error(`seed ${seed}: ${(failure as Error).message}`, { cause: failure });
      }
      const got = b.host.got('quiet-1').flatMap((one) => (one.is === 'event' ? [one.payload] : []));
      expect(got, `seed ${seed}`).toEqual(Array.from({ length: sent }, (_, n) => n + 1));
      expect(device.closed, `seed ${seed}`).toBeUndefined();
      for (const { node } of [a, b]) expect(node.figures.undecodable, `seed ${seed}`).toBeGreaterThan(0);
    }
  });
});
