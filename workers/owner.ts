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
import { FromOwner, ToFanout, ToOwner, type ToOwnerCommand } from '../src/threads/commands.ts';
import { type OwnerTask, pausesFor } from '../src/threads/tasks.ts';

const { memory, settings, port, mainBell, fanoutBells, rules, snapshot } = workerData as OwnerTask;
const wake = { kind: ToFanout.Wake } as const;
const counters = new Counters(memory.ownerCounters);
const ringMain = new Ringer(memory.mainDoorbell, () => mainBell.postMessage(wake));

const owner = new Owner({
  presence: memory.presence,
  ingestRing: new RingConsumer(memory.ingest.toOwner),
  ingestLink: new IngestLink(new RingProducer(memory.ingest.fromOwner), ringMain),
  fanoutRings: memory.fanout.map(({ toOwner }) => new RingConsumer(toOwner)),
  fanoutLinks: memory.fanout.map(({ fromOwner, doorbell }, worker) => {
    const bell = fanoutBells[worker];
    const ringer = bell === undefined ? ringMain : new Ringer(doorbell, () => bell.postMessage(wake));
    return new FanoutLink(new RingProducer(fromOwner), ringer);
  }),
  clock: systemClock,
  counters,
  settings,
  rules,
});

function obeyCommands(): number {
  let done = 0;
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: ToOwnerCommand } | undefined;
    if (received === undefined) return done;
    const { message } = received;
    if ('kind' in message) {
      if (message.kind === ToOwner.Stop) return -1;
      continue;
    }
    port.postMessage({
      kind: FromOwner.Reply,
      request: message.request,
      result: owner.operate(message.command),
    });
    done += 1;
  }
}

const restored = snapshot && restoreSnapshot(snapshot, owner.restorer);
if (restored?.ok === false) {
  port.postMessage({ kind: FromOwner.Refused, message: restored.message });
  await once(port, 'message'); // until main has read why, lest it hears of the thread's end first
} else {
  port.postMessage({ kind: FromOwner.Ready, restored });
  const { ownerPauseMs } = pausesFor(settings.flushMaxMs);
  const sleeper = new Sleeper(memory.ownerDoorbell);
  runOwnerLoop({ owner, sleeper, clock: systemClock, counters, pauseMs: ownerPauseMs, obeyCommands });
}
port.close();
mainBell.close();
for (const bell of fanoutBells) bell.close();
