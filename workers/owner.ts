/** The owner thread: attaches the shared memory, builds the owner and runs its loop until main says stop. */
import { once } from 'node:events';
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { systemClock } from '../src/clock.ts';
import { Counters } from '../src/memory/counters.ts';
import { Ringer, Sleeper } from '../src/memory/doorbell.ts';
import { RingConsumer, RingProducer } from '../src/memory/ring.ts';
import { FanoutLink, IngestLink } from '../src/owner/links.ts';
import { runOwnerLoop } from '../src/owner/loop.ts';
import { Owner } from '../src/owner/owner.ts';
import { restoreSnapshot } from '../src/snapshot/restore.ts';
import {
  FromOwner,
  type OperatorResult,
  ToFanout,
  ToOwner,
  type ToOwnerCommand,
} from '../src/threads/commands.ts';
import { Heart, Pulse } from '../src/threads/heartbeat.ts';
import { type OwnerTask, pausesFor } from '../src/threads/tasks.ts';

const { memory, settings, port, mainBell, rules, snapshot, takesOver } = workerData as OwnerTask;
const fanoutBells = [...(workerData as OwnerTask).fanoutBells];
const wake = { kind: ToFanout.Wake } as const;
const counters = new Counters(memory.ownerCounters);
const ringMain = new Ringer(memory.mainDoorbell, () => mainBell.postMessage(wake));

const owner = new Owner({
  presence: memory.presence,
  ingestRing: new RingConsumer(memory.ingest.toOwner),
  ingestLink: new IngestLink(new RingProducer(memory.ingest.fromOwner), ringMain),
  fanoutRings: memory.fanout.map(({ toOwner }) => new RingConsumer(toOwner)),
  fanoutLinks: memory.fanout.map(({ fromOwner, doorbell }, worker) => {
    const ringer =
      fanoutBells.length === 0
        ? ringMain
        : new Ringer(doorbell, () => fanoutBells[worker]!.postMessage(wake));
    return new FanoutLink(new RingProducer(fromOwner), ringer);
  }),
  ingestPulse: new Pulse(memory.mainHeartbeat),
  fanoutPulses: memory.fanout.map(({ heartbeat }) => new Pulse(heartbeat)),
  clock: systemClock,
  counters,
  settings,
  rules,
  takesOver,
});
let isReady = false;

/** @returns how many were carried out, or -1 to stop */
function obeyCommands(): number {
  if (!isReady && owner.isWhole) {
    isReady = true;
    port.postMessage({ kind: FromOwner.Ready, restored });
  }
  let done = 0;
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: ToOwnerCommand } | undefined;
    if (received === undefined) return done;
    const { message } = received;
    if (!('kind' in message)) {
      reply(message.request, owner.operate(message.command));
      done += 1;
      continue;
    }
    switch (message.kind) {
      case ToOwner.Stop:
        return -1;
      case ToOwner.Bell:
        fanoutBells[message.worker]?.close();
        fanoutBells[message.worker] = message.bell;
        message.bell.postMessage(wake); // what the one before was rung for meanwhile
        break;
      case ToOwner.WorkerGone:
        owner.workerGone(message.worker);
        reply(message.request, { ok: true });
        break;
      case ToOwner.Fault:
        if (message.stallMs === 0) throw new Error('a fault that was asked for');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, message.stallMs);
        break;
      default:
        throw new Error(`unknown command ${JSON.stringify(message satisfies never)}`);
    }
    done += 1;
  }
}

function reply(request: number, result: OperatorResult): void {
  port.postMessage({ kind: FromOwner.Reply, request, result });
}

const result = snapshot && restoreSnapshot(snapshot, owner.restorer);
const restored = result?.ok === true ? result : undefined;
if (result?.ok === false) {
  port.postMessage({ kind: FromOwner.Refused, message: result.message });
  await once(port, 'message'); // until main has read why, lest it hears of the thread's end first
} else {
  const { ownerPauseMs } = pausesFor(settings.flushMaxMs);
  const sleeper = new Sleeper(memory.ownerDoorbell);
  runOwnerLoop({
    owner,
    sleeper,
    clock: systemClock,
    counters,
    heart: new Heart(memory.ownerHeartbeat, systemClock),
    pauseMs: ownerPauseMs,
    obeyCommands,
  });
}
port.close();
mainBell.close();
for (const bell of fanoutBells) bell.close();
