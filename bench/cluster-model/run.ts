/**
 * `npm run bench:cluster-model -- --nodes 1000`: what the cluster's own code costs at a size that no test bed has. Real
 * nodes in one process, without sockets: what NATS and the kernel cost comes on top, and is counted in messages and bytes.
 *
 *   --nodes N          default 100
 *   --connects N       devices that connect per node and second while claims are measured, default 10
 *   --follows N        remote devices that each node follows, default 100
 *   --rate N           events per second of each followed device, default 10
 *   --seconds N        length of each measurement, in the model's time, default 5
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { STEP_MS, type Traffic, World } from './world.ts';

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '100' },
    connects: { type: 'string', default: '10' },
    follows: { type: 'string', default: '100' },
    rate: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '5' },
  },
});
const nodes = Number(values.nodes);
const connectsPerSecond = Number(values.connects);
const follows = Number(values.follows);
const rate = Number(values.rate);
const seconds = Number(values.seconds);

interface Measured extends Traffic {
  readonly cpuUs: number;
}

const world = new World();

/** Runs a part of the model and says what it cost in all. */
function measure(run: () => void): Measured {
  const before = { ...world.traffic };
  const startedAt = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(startedAt);
  const { traffic } = world;
  return {
    cpuUs: user + system,
    published: traffic.published - before.published,
    received: traffic.received - before.received,
    publishedBytes: traffic.publishedBytes - before.publishedBytes,
    receivedBytes: traffic.receivedBytes - before.receivedBytes,
  };
}

function join(): void {
  for (let n = 0; n < nodes; n++) world.add(`node-${n}`);
  for (let waited = 0; !world.hosts.every(({ isIn }) => isIn); waited += 100) {
    if (waited > 60_000) throw new Error('not every node joined within a minute of the model');
    world.run(100);
  }
}

/** Every node gets new devices evenly over the time. */
function connect(prefix: string, forSeconds: number): number {
  const everyStep = (connectsPerSecond * nodes * STEP_MS) / 1000;
  let due = 0;
  let made = 0;
  world.run(forSeconds * 1000, () => {
    for (due += everyStep; due >= 1; due -= 1) {
      world.hosts[made % nodes]!.connectDevice(`${prefix}-${made}`);
      made += 1;
    }
  });
  world.run(200);
  return made;
}

/** Each node follows devices of the nodes after it, so that everybody is followed alike. */
function follow(): number {
  let made = 0;
  const ids = world.hosts.map(({ devices }) => [...devices.keys()]);
  for (let n = 0; n < nodes; n++) {
    for (let f = 0; f < follows; f++) {
      const home = (n + 1 + (f % (nodes - 1))) % nodes;
      const id = ids[home]![Math.floor(f / (nodes - 1)) % ids[home]!.length]!;
      world.hosts[n]!.follow(id);
      made += 1;
    }
  }
  world.run(1000);
  return made;
}

/** Every device sends at its rate; the model's step decides how many go together. */
function publish(forSeconds: number): number {
  const all = world.hosts.flatMap((host) => [...host.devices.values()].map((device) => ({ host, device })));
  const everyStep = (all.length * rate * STEP_MS) / 1000;
  let due = 0;
  let next = 0;
  world.run(forSeconds * 1000, () => {
    for (due += everyStep; due >= 1; due -= 1) {
      const { host, device } = all[next++ % all.length]!;
      host.publish(device);
    }
  });
  world.run(100);
  return next;
}

const crossed = (): number => world.hosts.reduce((sum, { events }) => sum + events, 0);
const perNodeAndSecond = (count: number): string => (count / nodes / seconds).toFixed(1);
const us = (cpuUs: number, count: number): string => (cpuUs / Math.max(1, count)).toFixed(2);

function line(what: string, measured: Measured, per: string): void {
  const { cpuUs, published, received, publishedBytes } = measured;
  console.log(
    `${what.padEnd(10)} ${per.padEnd(46)} cpu/node ${(cpuUs / nodes / seconds / 10_000).toFixed(3)} %   ` +
      `messages/node/s out ${perNodeAndSecond(published)} in ${perNodeAndSecond(received)}   ` +
      `out ${(publishedBytes / nodes / seconds / 1024).toFixed(1)} KiB/node/s`,
  );
}

console.log(`${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}; ${nodes} nodes`);
const joined = measure(join);
console.log(
  `join       ${us(joined.cpuUs, nodes * (nodes - 1))} µs per pair of nodes, ${joined.received} messages received, heap ${(process.memoryUsage().heapUsed / 2 ** 20).toFixed(0)} MiB`,
);
const idle = measure(() => world.run(seconds * 1000));
line('idle', idle, `${us(idle.cpuUs, nodes * nodes * seconds)} µs per beat and receiver`);
let made = 0;
const claims = measure(() => {
  made = connect('dev', seconds);
});
const claimUs = claims.cpuUs - idle.cpuUs;
line('claims', claims, `${us(claimUs, made * nodes)} µs per connect and node`);
const asked = measure(() => {
  made = follow();
});
console.log(`follows    ${us(asked.cpuUs, made)} µs per follow, lookup at every node included`);
const before = crossed();
let sent = 0;
const events = measure(() => {
  sent = publish(seconds);
});
const arrived = crossed() - before;
line('events', events, `${us(events.cpuUs - idle.cpuUs, arrived)} µs per event that crosses, both ends`);
const gaps = world.hosts.reduce((sum, host) => sum + host.gaps, 0);
console.log(`           ${sent} events sent, ${arrived} crossed, ${gaps} gaps`);
if (gaps > 0 || arrived === 0) process.exitCode = 1;
