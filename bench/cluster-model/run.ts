/**
 * `npm run bench:cluster-model -- --nodes 1000 --watched 1`: what the cluster's own code costs a node, at a size that no
 * test bed has. Real nodes in one process, without sockets: what NATS and the kernel cost comes on top, and is counted in
 * messages and bytes.
 *
 *   --nodes N          default 100
 *   --watched N        nodes that talk with all, and whose work is shown; others know 31 more; default: all
 *   --connects N       devices that connect per node and second while claims are measured, default 10
 *   --follows N        remote devices that each node follows, default 100
 *   --rate N           events per second of each followed device, default 10
 *   --seconds N        length of each measurement, in the model's time, default 5
 *   --everything       a watched node follows `*` at the end
 */
import { cpus } from 'node:os';
import { Command } from 'commander';
import { countFrom, numberFrom } from '../../src/cli/command.ts';
import { type Place, STEP_MS, type Work, World } from './world.ts';

const {
  nodes,
  watched: watchedMax,
  connects: connectsPerSecond,
  follows,
  rate,
  seconds,
  everything: isEverything,
} = new Command('bench:cluster-model')
  .option('--nodes <count>', 'nodes', countFrom(2), 100)
  .option('--watched <count>', 'nodes that talk with all', countFrom(1), Number.POSITIVE_INFINITY)
  .option('--connects <number>', 'connects per node and second', numberFrom(0.001), 10)
  .option('--follows <count>', 'remote devices that each node follows', countFrom(1), 100)
  .option('--rate <number>', 'events per second of each followed device', numberFrom(0.001), 10)
  .option('--seconds <number>', "length of each measurement, in the model's time", numberFrom(1), 5)
  .option('--everything', 'a watched node follows `*` at the end')
  .parse()
  .opts<{
    nodes: number;
    watched: number;
    connects: number;
    follows: number;
    rate: number;
    seconds: number;
    everything?: true;
  }>();
/** After a join or a change, until what it set off is over. */
const SETTLE_MS = 3000;

/** What a node has done that is not there yet. */
const NOTHING: Work = { cpuMs: 0, published: 0, publishedBytes: 0, received: 0, receivedBytes: 0 };

const watched = Math.min(nodes, watchedMax);
const world = new World(watched);

/** Runs a part of the model and says what it took the watched nodes, on average. */
function measure(run: () => void): Work {
  const before = world.watched.map(({ work }) => ({ ...work }));
  run();
  const mean = (read: (work: Work) => number): number =>
    world.watched.reduce((sum, { work }, n) => sum + read(work) - read(before[n] ?? NOTHING), 0) /
    world.watched.length;
  return {
    cpuMs: mean(({ cpuMs }) => cpuMs),
    published: mean(({ published }) => published),
    publishedBytes: mean(({ publishedBytes }) => publishedBytes),
    received: mean(({ received }) => received),
    receivedBytes: mean(({ receivedBytes }) => receivedBytes),
  };
}

/** All at once, which is the dearest way. */
function join(): void {
  for (let n = 0; n < nodes; n++) world.add(`node-${n}`);
  for (let waited = 0; !world.places.every(({ host }) => host.isIn); waited += 100) {
    if (waited > 60_000) throw new Error('not every node joined within a minute of the model');
    world.run(100);
  }
}

/** Does something evenly over the time. @param perSecond how often */
function evenly(perSecond: number, forSeconds: number, act: (n: number) => void): number {
  let due = 0;
  let done = 0;
  world.run(forSeconds * 1000, () => {
    for (due += (perSecond * STEP_MS) / 1000; due >= 1; due -= 1) act(done++);
  });
  return done;
}

/** Every node gets new devices. */
function connect(): void {
  evenly(connectsPerSecond * nodes, seconds, (n) => {
    const place = world.places[n % nodes]!;
    world.at(place, () => place.host.connectDevice(`dev-${n}`));
  });
  world.run(200);
}

const idsOf = ({ host }: Place): string[] => [...host.devices.keys()];

/**
 * Each watched node follows devices of the nodes after it, and is followed as much. A node that is not watched looks as
 * many devices up; as in the whole cluster, the watched ones have their share of these.
 */
function follow(): void {
  const ids = world.places.map(idsOf);
  const idOf = (home: number, n: number): string => ids[home]![n % ids[home]!.length]!;
  for (const [n, place] of world.places.entries()) {
    for (let f = 0; f < follows; f++) {
      const turn = f * (nodes - watched) + n - watched;
      const home = place.isWatched ? (n + 1 + (f % (nodes - 1))) % nodes : turn % watched;
      const isThere = place.isWatched || turn < follows * watched;
      const id = isThere ? idOf(home, n + Math.floor(f / (nodes - 1))) : `elsewhere-${n}-${f}`;
      world.at(place, () => place.host.follow(id));
    }
  }
  world.run(1000);
}

/** Every device sends at its rate; the model's step decides how many go together. */
function publish(devices: readonly { readonly place: Place; readonly id: string }[]): number {
  const all = devices.map(({ place, id }) => ({ place, device: place.host.devices.get(id)! }));
  const sent = evenly(all.length * rate, seconds, (n) => {
    const { place, device } = all[n % all.length]!;
    world.at(place, () => place.host.publish(device));
  });
  world.run(100);
  return sent;
}

const devicesOfAll = (): { place: Place; id: string }[] =>
  world.places.flatMap((place) => idsOf(place).map((id) => ({ place, id })));
const received = (): number => world.watched.reduce((sum, { host }) => sum + host.events, 0);
const sent = (): number => world.watched.reduce((sum, { node }) => sum + node.figures.eventsSent, 0);

function line(what: string, { cpuMs, published, received: taken, ...bytes }: Work, per = ''): void {
  const { publishedBytes, receivedBytes } = bytes;
  const each = (count: number): string => (count / seconds).toFixed(0).padStart(7);
  const kib = (count: number): string => (count / seconds / 1024).toFixed(1).padStart(8);
  console.log(
    `${what.padEnd(11)} cpu ${(cpuMs / seconds / 10).toFixed(2).padStart(6)} %   messages/s out ${each(published)} ` +
      `in ${each(taken)}   KiB/s out ${kib(publishedBytes)} in ${kib(receivedBytes)}   ${per}`,
  );
}

const us = (ms: number, count: number): string => ((ms * 1000) / Math.max(1, count)).toFixed(2);
const heapMiB = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
};

console.log(
  `${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}; ${nodes} nodes, ${watched} watched`,
);
const heapBefore = heapMiB();
const joined = measure(join);
console.log(
  `join        cpu ${joined.cpuMs.toFixed(0)} ms, ${us(joined.cpuMs, nodes - 1)} µs per other node, ` +
    `${(((heapMiB() - heapBefore) * 1024) / pairs()).toFixed(1)} KiB of heap per peer`,
);
world.run(SETTLE_MS);
const idle = measure(() => world.run(seconds * 1000));
line('idle', idle, `${us(idle.cpuMs, nodes * seconds)} µs per other node and second`);
const beyond = (base: Work, { cpuMs }: Work): number => Math.max(0, cpuMs - base.cpuMs);

const claims = measure(connect);
const connects = connectsPerSecond * seconds;
line('claims', claims, `${us(beyond(idle, claims), connects * nodes)} µs per connect in the cluster`);
world.run(SETTLE_MS);

const asked = measure(follow);
console.log(
  `follows     cpu ${asked.cpuMs.toFixed(0)} ms for ${follows} of its own and the lookups of ${nodes - 1} others: ` +
    `${us(asked.cpuMs, follows * nodes)} µs per lookup in the cluster`,
);
world.run(SETTLE_MS);
const settled = measure(() => world.run(seconds * 1000));
line('following', settled, 'no events: beats alone');

const before = { received: received(), sent: sent() };
const events = measure(() => publish(devicesOfAll()));
const crossed = (received() - before.received + sent() - before.sent) / world.watched.length;
line('events', events, `${us(beyond(settled, events), crossed)} µs per event that leaves or comes`);
console.log(`            ${(crossed / seconds).toFixed(0)} events/s leave and come at each watched node`);
if (isEverything) everything();
const gaps = world.watched.reduce((sum, { host }) => sum + host.gaps, 0);
if (gaps > 0 || crossed === 0) {
  console.log(`${gaps} gaps`);
  process.exitCode = 1;
}

/** Ends of sessions that there are. */
function pairs(): number {
  const ends = world.places.map(({ node }) => node.members.count);
  return ends.reduce((sum, count) => sum + count, 0);
}

/** One watched node follows every device of the cluster. */
function everything(): void {
  const [place] = world.watched as [Place];
  const devices =
    world.places.reduce((sum, { host }) => sum + host.devices.size, 0) - place.host.devices.size;
  const found = measure(() => {
    world.at(place, () => place.node.filter(''));
    world.run(SETTLE_MS);
  });
  console.log(
    `*           cpu ${found.cpuMs.toFixed(0)} ms for ${devices} devices: ${us(found.cpuMs, devices)} µs per device`,
  );
  const receivedBefore = place.host.events;
  const all = measure(() => publish(devicesOfAll()));
  const count = place.host.events - receivedBefore;
  line(
    '* events',
    all,
    `${us(beyond(settled, all), count)} µs per event, ${(count / seconds).toFixed(0)} events/s`,
  );
}
