/** The owner thread: attaches the shared memory, builds the owner and runs its loop until main says stop. */
import { once } from 'node:events';
import { workerData } from 'node:worker_threads';
import { systemClock } from '../src/clock.ts';
import { Counters } from '../src/memory/counters.ts';
import { Ringer, Sleeper } from '../src/memory/doorbell.ts';
import { Heart, Pulse } from '../src/memory/heartbeat.ts';
import { ownerPauseMs } from '../src/memory/load-meter.ts';
import { RingConsumer, RingProducer } from '../src/memory/ring.ts';
import { obeyer } from '../src/owner/commands.ts';
import { EdgeLink } from '../src/owner/edge-link.ts';
import { runOwnerLoop } from '../src/owner/loop.ts';
import { Owner } from '../src/owner/owner.ts';
import { FromOwner, ToEdge } from '../src/records/commands.ts';
import { restoreSnapshot } from '../src/snapshot/restore.ts';
import type { OwnerTask } from '../src/supervise/tasks.ts';

const task = workerData as OwnerTask;
const { memory, settings, port, snapshot, rules, takesOver, estate } = task;
const bells = [...task.bells];
const counters = new Counters(memory.ownerCounters);
const { clusterEdge } = memory;
const cluster = clusterEdge === undefined ? undefined : await clusterSide(clusterEdge);
const owner = new Owner({
  presence: memory.presence,
  history: memory.history,
  rings: memory.edges.map(({ toOwner }) => new RingConsumer(toOwner)),
  links: memory.edges.map(({ fromOwner, doorbell }, edge) => {
    const ringer = new Ringer(doorbell, () => bells[edge]?.postMessage({ kind: ToEdge.Wake }));
    return new EdgeLink(new RingProducer(fromOwner), ringer);
  }),
  pulses: memory.edges.map(({ heartbeat }) => new Pulse(heartbeat)),
  clock: systemClock,
  counters,
  settings,
  ...{ rules, takesOver, estate },
  bequeath: (changes) => port.postMessage({ kind: FromOwner.Estate, changes }),
  cluster,
});
const result = snapshot && restoreSnapshot(snapshot, owner.restorer);
if (result?.ok === false) {
  port.postMessage({ kind: FromOwner.Refused, message: result.message });
  await once(port, 'message'); // until main has read why, lest it hears of the thread's end first
} else {
  const pauseMs = ownerPauseMs(settings.flushMaxMs);
  const sleeper = new Sleeper(memory.ownerDoorbell);
  const heart = new Heart(memory.ownerHeartbeat, systemClock);
  const obeyCommands = obeyer(owner, port, bells, result);
  runOwnerLoop({ owner, sleeper, clock: systemClock, counters, heart, pauseMs, obeyCommands });
}
port.close();
for (const bell of bells) bell?.close();

/** Loaded only where it is needed. */
async function clusterSide(edge: number) {
  const { Cluster } = await import('../src/owner/cluster/cluster.ts');
  const { historyTtlMs, maxMessageBytes } = settings;
  const create = (context: ConstructorParameters<typeof Cluster>[0]) => new Cluster(context);
  return { edge, historyTtlMs, maxMessageBytes, create };
}
