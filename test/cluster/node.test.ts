/** Nodes over a simulated network that does what it should: the protocol of docs/cluster.md step by step. */
import { describe, expect, it } from 'vitest';
import { HomeKind, Level } from '../../src/cluster/records.ts';
import { Random } from '../support/random.ts';
import type { Connection, FakeHost, Got } from './support/fake-host.ts';
import { Simulation, TIMEOUT_MS } from './support/simulation.ts';

const HISTORY = 100;

/** Nodes that have joined. */
function cluster(names: readonly string[], historyEvents = HISTORY): Simulation {
  const simulation = new Simulation(new Random(1), historyEvents);
  for (const name of names) simulation.start(name);
  simulation.run(3000);
  return simulation;
}

const host = (simulation: Simulation, name: string): FakeHost => simulation.nodes.get(name)!.host;
const connection = (id: string): Connection => ({ id, alive: true, closed: undefined });
const events = (got: readonly Got[]): number[] =>
  got.flatMap((one) => (one.is === 'event' ? [one.payload] : []));
const gaps = (got: readonly Got[]): Got[] => got.filter(({ is }) => is === 'gap');
const entries = (got: readonly Got[]) => got.flatMap((one) => (one.is === 'entry' ? [one] : []));

function connectDevice(simulation: Simulation, name: string, id: string): Connection {
  const made = connection(id);
  host(simulation, name).connectDevice(made);
  return made;
}

describe('a cluster of two nodes', () => {
  it('is in when both have heard each other', () => {
    const simulation = cluster(['a', 'b']);
    for (const name of ['a', 'b']) {
      expect(host(simulation, name).phases).toEqual(['claiming', 'in']);
      expect(simulation.nodes.get(name)!.node.members.count).toBe(1);
    }
  });

  it('gives a follower the entry, then every event after it', () => {
    const simulation = cluster(['a', 'b']);
    const device = connectDevice(simulation, 'a', 'dev-1');
    simulation.run(50);
    for (let n = 1; n <= 3; n++) host(simulation, 'a').publish(device, n);
    host(simulation, 'b').follow('dev-1');
    simulation.run(50);
    for (let n = 4; n <= 6; n++) host(simulation, 'a').publish(device, n);
    simulation.run(50);
    const got = host(simulation, 'b').got('dev-1');
    expect(got[0]).toMatchObject({ is: 'entry', seq: 3, node: 'a' });
    expect(got[1]).toEqual({ is: 'settled', found: true });
    expect(events(got)).toEqual([4, 5, 6]);
    expect(gaps(got)).toEqual([]);
  });

  it('answers a lookup of a device that nobody has', () => {
    const simulation = cluster(['a', 'b']);
    host(simulation, 'b').follow('dev-1');
    simulation.run(20);
    expect(host(simulation, 'b').got('dev-1')).toEqual([{ is: 'settled', found: false }]);
  });

  it('answers a lookup after a second at the latest', () => {
    const simulation = cluster(['a', 'b']);
    simulation.freeze(simulation.nodes.get('a')!);
    host(simulation, 'b').follow('dev-1');
    simulation.run(900);
    expect(host(simulation, 'b').got('dev-1')).toEqual([]);
    simulation.run(200);
    expect(host(simulation, 'b').got('dev-1')).toEqual([{ is: 'settled', found: false }]);
  });

  it.each([HISTORY, 0])(
    'follows a device that connects elsewhere later from its first event (history: %i)',
    (history) => {
      const simulation = cluster(['a', 'b'], history);
      host(simulation, 'b').follow('dev-1');
      simulation.run(100);
      const device = connectDevice(simulation, 'a', 'dev-1');
      host(simulation, 'a').publish(device, 1);
      simulation.run(1);
      host(simulation, 'a').publish(device, 2);
      simulation.run(100);
      expect(events(host(simulation, 'b').got('dev-1'))).toEqual([1, 2]);
      expect(gaps(host(simulation, 'b').got('dev-1'))).toEqual([]);
    },
  );

  it('sends nothing to a node without an active follower', () => {
    const simulation = cluster(['a', 'b']);
    const device = connectDevice(simulation, 'a', 'dev-1');
    const other = connectDevice(simulation, 'a', 'dev-2');
    host(simulation, 'b').follow('dev-1', Level.waiting);
    host(simulation, 'b').follow('dev-2');
    simulation.run(100);
    for (let n = 1; n <= 10; n++) host(simulation, 'a').publish(device, n);
    host(simulation, 'a').publish(other, 1);
    simulation.run(100);
    expect(simulation.nodes.get('a')!.node.figures.eventsSent).toBe(1);
    host(simulation, 'b').follow('dev-1', Level.active);
    simulation.run(100);
    host(simulation, 'a').publish(device, 11);
    simulation.run(100);
    const got = host(simulation, 'b').got('dev-1');
    expect(events(got)).toEqual([11]);
    expect(gaps(got)).toEqual([]);
    expect(entries(got).at(-1)).toMatchObject({ seq: 10 });
    host(simulation, 'b').unfollow('dev-1');
    simulation.run(100);
    host(simulation, 'a').publish(device, 12);
    simulation.run(100);
    expect(simulation.nodes.get('a')!.node.figures.eventsSent).toBe(2);
  });

  it('finds the devices of a filter, page by page, and new ones as they connect', () => {
    const simulation = cluster(['a', 'b']);
    for (let n = 0; n < 10; n++) connectDevice(simulation, 'a', `site-a.${n}`);
    connectDevice(simulation, 'a', 'site-b.1');
    simulation.run(50);
    const node = simulation.nodes.get('b')!;
    node.node.filter('site-a.');
    simulation.run(100);
    expect([...node.host.followers.keys()].sort()).toEqual(
      Array.from({ length: 10 }, (_, n) => `site-a.${n}`),
    );
    const late = connectDevice(simulation, 'a', 'site-a.late');
    host(simulation, 'a').publish(late, 1);
    simulation.run(100);
    expect(events(node.host.got('site-a.late'))).toEqual([1]);
    node.node.unfilter('site-a.');
    connectDevice(simulation, 'a', 'site-a.later');
    simulation.run(100);
    expect(node.host.followers.has('site-a.later')).toBe(false);
  });

  it('follows listed devices at the node that listed them, from where they are, and asks nobody', () => {
    const simulation = cluster(['a', 'b', 'c']);
    const device = connectDevice(simulation, 'a', 'site-a.1');
    connectDevice(simulation, 'c', 'site-a.2');
    simulation.run(50);
    for (let n = 1; n <= 3; n++) host(simulation, 'a').publish(device, n);
    const { node, host: follower } = simulation.nodes.get('b')!;
    node.filter('');
    simulation.run(100);
    expect(entries(follower.got('site-a.1'))).toMatchObject([{ seq: 3, node: 'a' }]);
    expect(entries(follower.got('site-a.2'))).toMatchObject([{ node: 'c' }]);
    host(simulation, 'a').publish(device, 4);
    simulation.run(50);
    expect(events(follower.got('site-a.1'))).toEqual([4]);
    expect(node.figures.lookups).toBe(0);
  });

  it('looks a listed device up when it has left the node that listed it', () => {
    const simulation = cluster(['a', 'b', 'c']);
    connectDevice(simulation, 'a', 'dev-1');
    simulation.run(50);
    const { node, host: follower } = simulation.nodes.get('b')!;
    follower.denied.add('dev-1');
    node.filter('');
    simulation.run(50);
    connectDevice(simulation, 'c', 'dev-1');
    simulation.run(500);
    node.unfilter('');
    follower.follow('dev-1');
    simulation.run(1000);
    expect(entries(follower.got('dev-1'))).toMatchObject([{ node: 'c' }]);
  });

  it('reads the history of a remote device', () => {
    const simulation = cluster(['a', 'b']);
    const device = connectDevice(simulation, 'a', 'dev-1');
    simulation.run(50);
    for (let n = 1; n <= 20; n++) host(simulation, 'a').publish(device, n);
    host(simulation, 'b').follow('dev-1');
    simulation.run(50);
    const { node } = simulation.nodes.get('b')!;
    const request = node.history('dev-1', { epoch: '', after: 0, before: 11, max: 5 });
    const missing = node.history('dev-9', { epoch: '', after: 0, before: 11, max: 5 });
    simulation.run(50);
    const { pasts } = host(simulation, 'b');
    expect(pasts.find((past) => past.request === request)).toEqual({
      request,
      seqs: [6, 7, 8, 9, 10],
      found: true,
      more: true,
    });
    expect(pasts.find((past) => past.request === missing)).toMatchObject({ found: false, seqs: [] });
  });

  it('calls routes of another node', async () => {
    const simulation = cluster(['a', 'b']);
    const { node } = simulation.nodes.get('b')!;
    const large = Buffer.alloc(100_000, 'x');
    const answers = [
      node.call('a', 'echo', large),
      node.call('a', 'throw', Buffer.from('')),
      node.call('c', 'echo', Buffer.from('')),
    ];
    for (let n = 0; n < 20; n++) {
      simulation.run(20);
      await Promise.resolve();
    }
    const [echoed, failed, away] = await Promise.all(answers);
    expect(echoed!.status).toBe(200);
    expect(Buffer.from(echoed!.body).toString()).toBe(`a echo ${large}`);
    expect(failed!.status).toBe(500);
    expect(away!.status).toBe(503);
  });

  it('locates a device', async () => {
    const simulation = cluster(['a', 'b']);
    connectDevice(simulation, 'a', 'dev-1');
    simulation.run(50);
    const { node } = simulation.nodes.get('b')!;
    const asked = [node.locate('dev-1'), node.locate('dev-2')];
    simulation.run(50);
    expect(await Promise.all(asked)).toEqual(['a', undefined]);
    expect(await simulation.nodes.get('a')!.node.locate('dev-1')).toBe('a');
  });
});

describe('a device that connects to another node', () => {
  it.each([HISTORY, 0])(
    'goes on with its numbers; followers on every node get each event once, in order (history: %i)',
    (history) => {
      const simulation = cluster(['a', 'b', 'c'], history);
      for (const name of ['a', 'b', 'c']) host(simulation, name).follow('dev-1');
      const first = connectDevice(simulation, 'a', 'dev-1');
      simulation.run(100);
      for (let n = 1; n <= 5; n++) host(simulation, 'a').publish(first, n);
      const second = connectDevice(simulation, 'c', 'dev-1');
      host(simulation, 'c').publish(second, 6);
      simulation.run(100);
      host(simulation, 'c').publish(second, 7);
      simulation.run(100);
      expect(first.closed).toBe(4004);
      expect(second.closed).toBeUndefined();
      for (const name of ['a', 'b', 'c']) {
        const got = host(simulation, name).got('dev-1');
        expect(events(got), name).toEqual([1, 2, 3, 4, 5, 6, 7]);
        expect(gaps(got), name).toEqual([]);
        expect(new Set(entries(got).map(({ epoch }) => epoch)).size, name).toBe(1);
      }
      expect(host(simulation, 'a').devices.has('dev-1')).toBe(false);
      expect(host(simulation, 'c').devices.get('dev-1')).toMatchObject({ seq: 7 });
    },
  );

  it('starts a new epoch when its old home does not answer within a second', () => {
    const simulation = cluster(['a', 'b', 'c']);
    host(simulation, 'b').follow('dev-1');
    const first = connectDevice(simulation, 'a', 'dev-1');
    simulation.run(100);
    host(simulation, 'a').publish(first, 1);
    simulation.run(100);
    simulation.kill(simulation.nodes.get('a')!);
    const second = connectDevice(simulation, 'c', 'dev-1');
    host(simulation, 'c').publish(second, 2);
    simulation.run(900);
    expect(host(simulation, 'c').devices.get('dev-1')).toMatchObject({ seq: 0 });
    simulation.run(2000);
    const got = host(simulation, 'b').got('dev-1');
    expect(events(got)).toEqual([1, 2]);
    expect(new Set(entries(got).map(({ epoch }) => epoch)).size).toBe(2);
    simulation.run(TIMEOUT_MS);
    expect(got.some(({ is }) => is === 'lost')).toBe(false);
  });

  it('keeps its older connection when two claims are concurrent and its node id is higher', () => {
    const simulation = cluster(['a', 'b']);
    simulation.network.delayMs = [5, 6];
    const [atA, atB] = [connectDevice(simulation, 'a', 'dev-1'), connectDevice(simulation, 'b', 'dev-1')];
    simulation.run(100);
    expect(atA.closed).toBe(4004);
    expect(atB.closed).toBeUndefined();
    expect(host(simulation, 'b').devices.get('dev-1')?.epoch).not.toBe('');
  });

  it('hands its numbers on when three nodes claim it at once', () => {
    const simulation = cluster(['a', 'b', 'c', 'd']);
    host(simulation, 'd').follow('dev-1');
    const first = connectDevice(simulation, 'a', 'dev-1');
    simulation.run(100);
    host(simulation, 'a').publish(first, 1);
    simulation.run(100);
    const later = ['b', 'c', 'd'].map((name) => connectDevice(simulation, name, 'dev-1'));
    simulation.run(200);
    const open = later.filter(({ closed }) => closed === undefined);
    expect(open).toHaveLength(1);
    const homes = ['a', 'b', 'c', 'd'].filter((name) => host(simulation, name).devices.has('dev-1'));
    expect(homes).toHaveLength(1);
    host(simulation, homes[0]!).publish(open[0]!, 2);
    simulation.run(100);
    const got = host(simulation, 'd').got('dev-1');
    expect(events(got)).toEqual([1, 2]);
    expect(new Set(entries(got).map(({ epoch }) => epoch)).size).toBe(1);
  });
});

describe('a node that dies', () => {
  it('is lost after the time-out, and its followers are told', () => {
    const simulation = cluster(['a', 'b']);
    host(simulation, 'b').follow('dev-1');
    connectDevice(simulation, 'a', 'dev-1');
    simulation.run(100);
    simulation.kill(simulation.nodes.get('a')!);
    simulation.run(TIMEOUT_MS - 1500);
    expect(
      host(simulation, 'b')
        .got('dev-1')
        .some(({ is }) => is === 'lost'),
    ).toBe(false);
    simulation.run(2000);
    expect(
      host(simulation, 'b')
        .got('dev-1')
        .filter(({ is }) => is === 'lost'),
    ).toHaveLength(1);
    expect(simulation.nodes.get('b')!.node.members.count).toBe(0);
  });

  it('that says goodbye is gone at once', () => {
    const simulation = cluster(['a', 'b']);
    simulation.nodes.get('a')!.node.stop();
    simulation.run(10);
    expect(simulation.nodes.get('b')!.node.members.count).toBe(0);
    expect(simulation.nodes.get('b')!.node.members.recent()).toEqual([]);
  });

  it('and starts again is another boot: the old one is lost at once', () => {
    const simulation = cluster(['a', 'b']);
    host(simulation, 'b').follow('dev-1');
    connectDevice(simulation, 'a', 'dev-1');
    simulation.run(100);
    simulation.kill(simulation.nodes.get('a')!);
    simulation.start('a');
    simulation.run(3000);
    expect(host(simulation, 'a').phases).toEqual(['claiming', 'in']);
    expect(
      host(simulation, 'b')
        .got('dev-1')
        .filter(({ is }) => is === 'lost'),
    ).toHaveLength(1);
    const again = connectDevice(simulation, 'a', 'dev-1');
    host(simulation, 'a').publish(again, 5);
    simulation.run(100);
    expect(events(host(simulation, 'b').got('dev-1'))).toEqual([5]);
  });
});

describe('a node that stands still', () => {
  it('shorter than the time-out misses nothing', () => {
    const simulation = cluster(['a', 'b']);
    host(simulation, 'b').follow('dev-1');
    const device = connectDevice(simulation, 'a', 'dev-1');
    simulation.run(100);
    simulation.freeze(simulation.nodes.get('b')!);
    for (let n = 1; n <= 50; n++) {
      host(simulation, 'a').publish(device, n);
      simulation.run(60);
    }
    simulation.thaw(simulation.nodes.get('b')!);
    simulation.run(3000);
    expect(events(host(simulation, 'b').got('dev-1'))).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
    expect(gaps(host(simulation, 'b').got('dev-1'))).toEqual([]);
    expect(host(simulation, 'b').phases).toEqual(['claiming', 'in']);
  });

  it.each([HISTORY, 0])('longer fences itself, and is joined again afterwards (history: %i)', (history) => {
    const simulation = cluster(['a', 'b'], history);
    host(simulation, 'b').follow('dev-1');
    const device = connectDevice(simulation, 'a', 'dev-1');
    simulation.run(100);
    host(simulation, 'a').publish(device, 1);
    simulation.run(100);
    simulation.freeze(simulation.nodes.get('b')!);
    simulation.run(3000);
    host(simulation, 'a').publish(device, 2);
    simulation.run(4000);
    host(simulation, 'a').publish(device, 3);
    simulation.thaw(simulation.nodes.get('b')!);
    simulation.run(3000);
    host(simulation, 'a').publish(device, 4);
    simulation.run(100);
    expect(host(simulation, 'b').phases).toEqual(['claiming', 'in', 'fenced', 'claiming', 'in']);
    const got = host(simulation, 'b').got('dev-1');
    expect(events(got)).toEqual(history > 0 ? [1, 2, 3, 4] : [1, 4]);
    expect(gaps(got)).toEqual(history > 0 ? [] : [{ is: 'gap', from: 2, to: 3 }]);
  });

  it('gives way where its device has connected elsewhere meanwhile', () => {
    const simulation = cluster(['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c']) host(simulation, name).follow('dev-1');
    const first = connectDevice(simulation, 'a', 'dev-1');
    simulation.run(100);
    simulation.freeze(simulation.nodes.get('a')!);
    simulation.run(7000);
    first.alive = false;
    const second = connectDevice(simulation, 'c', 'dev-1');
    host(simulation, 'c').publish(second, 7);
    simulation.run(100);
    expect(events(host(simulation, 'b').got('dev-1'))).toEqual([7]);
    simulation.thaw(simulation.nodes.get('a')!);
    simulation.run(5000);
    expect(first.closed).toBe(4200);
    expect(second.closed).toBeUndefined();
    host(simulation, 'c').publish(second, 8);
    simulation.run(100);
    for (const name of ['a', 'b', 'c'])
      expect(events(host(simulation, name).got('dev-1')).at(-1), name).toBe(8);
  });
});

describe('a split', () => {
  it('that leaves a device connected on both sides ends with the connection that answers a ping', () => {
    for (const answers of ['a', 'c']) {
      const simulation = cluster(['a', 'b', 'c']);
      for (const name of ['a', 'b', 'c']) host(simulation, name).follow('dev-1');
      const atA = connectDevice(simulation, 'a', 'dev-1');
      simulation.run(100);
      simulation.nodes.get('c')!.side = 1;
      simulation.run(7000);
      const atC = connectDevice(simulation, 'c', 'dev-1');
      host(simulation, 'c').publish(atC, 2);
      simulation.run(100);
      atA.alive = answers === 'a';
      atC.alive = answers === 'c';
      simulation.nodes.get('c')!.side = 0;
      simulation.run(5000);
      const [winner, loser] = answers === 'a' ? [atA, atC] : [atC, atA];
      expect(winner.closed).toBeUndefined();
      expect(loser.closed).toBe(4200);
      host(simulation, answers).publish(winner, 3);
      simulation.run(100);
      for (const name of ['a', 'b', 'c'])
        expect(events(host(simulation, name).got('dev-1')).at(-1), name).toBe(3);
    }
  });

  it('of a node that only hears, or is only heard, fences that node and nobody else', () => {
    for (const cut of ['sends', 'hears'] as const) {
      const simulation = cluster(['a', 'b', 'c']);
      host(simulation, 'b').follow('dev-1');
      connectDevice(simulation, 'a', 'dev-1');
      simulation.run(100);
      simulation.nodes.get('c')![cut] = false;
      simulation.run(8000);
      expect(host(simulation, 'c').phases.at(-1), cut).toBe('fenced');
      for (const name of ['a', 'b']) expect(host(simulation, name).phases.at(-1), cut).toBe('in');
      expect(
        host(simulation, 'b')
          .got('dev-1')
          .some(({ is }) => is === 'lost'),
      ).toBe(false);
      simulation.nodes.get('c')![cut] = true;
      simulation.run(4000);
      expect(host(simulation, 'c').phases.at(-1), cut).toBe('in');
    }
  });
});

describe('NATS away', () => {
  it.each([
    ['shortly', 3000],
    ['longer than the time-out', 9000],
  ])('%s: nobody is lost, local traffic goes on, and all is joined again', (_, ms) => {
    const simulation = cluster(['a', 'b']);
    for (const name of ['a', 'b']) host(simulation, name).follow('dev-1');
    const device = connectDevice(simulation, 'a', 'dev-1');
    simulation.run(100);
    for (const node of simulation.nodes.values()) [node.sends, node.hears] = [false, false];
    for (let n = 1; n <= 20; n++) {
      host(simulation, 'a').publish(device, n);
      simulation.run(ms / 20);
    }
    const local = connectDevice(simulation, 'a', 'dev-2');
    host(simulation, 'a').follow('dev-2');
    simulation.run(1100);
    host(simulation, 'a').publish(local, 1);
    expect(events(host(simulation, 'a').got('dev-2'))).toEqual([1]);
    for (const node of simulation.nodes.values()) {
      [node.sends, node.hears] = [true, true];
      node.node.connected();
    }
    simulation.run(5000);
    const all = Array.from({ length: 20 }, (_, n) => n + 1);
    for (const name of ['a', 'b']) expect(events(host(simulation, name).got('dev-1')), name).toEqual(all);
    expect(
      host(simulation, 'b')
        .got('dev-1')
        .some(({ is }) => is === 'lost' || is === 'gap'),
    ).toBe(false);
  });
});

describe('a subscriber that connects to another node', () => {
  const kept = (simulation: Simulation, name: string, id: string) =>
    host(simulation, name).subscribers.get(id)?.kept;

  it('finds there what was kept of it', () => {
    const simulation = cluster(['a', 'b']);
    const first = connection('sub-1');
    host(simulation, 'a').connectSubscriber(first);
    simulation.run(50);
    host(simulation, 'a').subscribers.get('sub-1')!.kept.push('dev-1', 'dev-2');
    host(simulation, 'a').disconnectSubscriber(first);
    simulation.run(50);
    host(simulation, 'b').connectSubscriber(connection('sub-1'));
    simulation.run(50);
    expect(kept(simulation, 'b', 'sub-1')).toEqual(['dev-1', 'dev-2']);
    expect(kept(simulation, 'a', 'sub-1')).toBeUndefined();
  });

  it('finds what a draining node has left to another, and to a third one late', () => {
    const simulation = cluster(['a', 'b', 'c']);
    const { node, host: draining } = simulation.nodes.get('a')!;
    for (let n = 0; n < 20; n++) {
      const subscriber = connection(`sub-${n}`);
      draining.connectSubscriber(subscriber);
      simulation.run(50);
      draining.subscribers.get(`sub-${n}`)!.kept.push(`dev-${n}`);
      draining.disconnectSubscriber(subscriber);
    }
    simulation.run(50);
    draining.draining = true;
    for (let n = 0; n < 20; n++) node.homes.leave(HomeKind.subscriber, `sub-${n}`);
    for (let n = 0; n < 20; n++)
      host(simulation, n % 2 === 0 ? 'b' : 'c').connectSubscriber(connection(`sub-${n}`));
    simulation.run(200);
    node.stop();
    simulation.kill(simulation.nodes.get('a')!);
    simulation.run(1000);
    for (let n = 0; n < 20; n++) {
      const at = ['b', 'c'].filter((name) => kept(simulation, name, `sub-${n}`) !== undefined);
      expect(at, `sub-${n}`).toEqual([n % 2 === 0 ? 'b' : 'c']);
      expect(kept(simulation, at[0]!, `sub-${n}`), `sub-${n}`).toEqual([`dev-${n}`]);
    }
  });
});

describe('two processes with one node id', () => {
  it('do not both become ready', () => {
    const simulation = cluster(['a', 'b']);
    const before = simulation.nodes.get('a')!;
    simulation.nodes.set('a, the first', before);
    const second = simulation.start('a');
    simulation.run(4000);
    expect(second.host.phases).toEqual([]);
    expect(second.host.duplicates).toBeGreaterThan(0);
    expect(before.host.phases).toEqual(['claiming', 'in']);
    expect(simulation.nodes.get('b')!.node.members.get('a')?.boot).toBe(before.boot);
  });
});

describe('what does not decode', () => {
  it('is counted and dropped, and the session goes on', () => {
    const simulation = cluster(['a', 'b']);
    const { node } = simulation.nodes.get('b')!;
    const random = new Random(3);
    for (let n = 0; n < 200; n++) {
      node.received(random.bytes(random.below(200)));
      node.heard(random.bytes(random.below(200)));
    }
    expect(node.figures.undecodable).toBe(400);
    const device = connectDevice(simulation, 'a', 'dev-1');
    host(simulation, 'b').follow('dev-1');
    simulation.run(100);
    host(simulation, 'a').publish(device, 1);
    simulation.run(100);
    expect(events(host(simulation, 'b').got('dev-1'))).toEqual([1]);
  });
});
