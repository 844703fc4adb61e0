/** A fan-out thread, as one endless piscina task: owns its subscribers' sockets until main says close. */
import { readFileSync } from 'node:fs';
import type { MessagePort } from 'node:worker_threads';
import { Admission } from '../src/access/admission.ts';
import { Upgrades } from '../src/access/upgrades.ts';
import { systemClock } from '../src/clock.ts';
import { Fanout } from '../src/fanout/fanout.ts';
import { sessionNumbers } from '../src/fanout/session-numbers.ts';
import { WORKER_END_MS_MAX } from '../src/limits.ts';
import { Counters } from '../src/memory/counters.ts';
import { Ringer, Sleeper } from '../src/memory/doorbell.ts';
import { RingConsumer, RingProducer } from '../src/memory/ring.ts';
import { PresenceReader } from '../src/presence/table.ts';
import { subscriberTerms } from '../src/protocol/upgrade-terms.ts';
import { FromFanout, ToFanout, type ToFanoutCommand } from '../src/threads/commands.ts';
import { closePaced, reconnectSpread } from '../src/threads/drain.ts';
import { startEdgeTimers } from '../src/threads/edge-timers.ts';
import { Heart } from '../src/threads/heartbeat.ts';
import { Poller } from '../src/threads/poller.ts';
import { type FanoutTask, pausesFor } from '../src/threads/tasks.ts';
import { chooseTransport } from '../src/transport/choose.ts';
import { contained } from '../src/transport/contained.ts';
import { readTls } from '../src/transport/tls.ts';

export default async function run(task: FanoutTask): Promise<void> {
  const { presence, ownerDoorbell, memory, worker, settings, tokens, fanoutThreads, port } = task;
  const { transport } = await chooseTransport(
    'uws',
    readTls(settings, (path) => readFileSync(path, 'utf8')),
  );
  if (transport.threads === undefined) throw new Error(`the ${transport.name} transport has no threads`);
  const counters = new Counters(memory.counters);
  counters.clearGauges(); // of a thread in whose place this one is
  const admission = new Admission({
    memory: task.admission,
    thread: worker + 1,
    settings,
    tokens,
    clock: systemClock,
    counters,
  });
  const fanout = new Fanout({
    admission,
    upgrades: new Upgrades({
      admission,
      settings,
      role: 'subscriber',
      ...subscriberTerms,
    }),
    presence: new PresenceReader(presence),
    toOwner: new RingProducer(memory.toOwner),
    fromOwner: new RingConsumer(memory.fromOwner),
    ownerRinger: new Ringer(ownerDoorbell),
    clock: systemClock,
    counters,
    settings,
    fanoutThreads,
    nextSession: sessionNumbers(memory.sessions),
  });
  const frameFailed = (failure: Error): void => port.postMessage({ kind: FromFanout.FrameFailed, failure });
  const endpoint = transport.threads.child({ routes: [contained(fanout.route(), counters, frameFailed)] });
  fanout.attach(endpoint);
  const poller = new Poller({
    poll: () => fanout.poll(),
    hasRecords: () => fanout.hasRecords(),
    hasUnsent: () => fanout.hasUnsent,
    hasBacklog: () => fanout.hasBacklog(),
    sleeper: new Sleeper(memory.doorbell),
    clock: systemClock,
    pollMs: pausesFor(settings.flushMaxMs).fanoutPollMs,
  });
  let bell: MessagePort | undefined;
  const listenTo = (next: MessagePort): void => {
    bell?.close();
    bell = next.on('message', poller.wake);
    poller.wake(); // what another owner rang before may not have been heard
  };
  listenTo(task.bell);
  const slowReports = {
    tickMs: fanout.sendQueues.tickMs,
    tick() {
      const subscribers = fanout.sendQueues.slow();
      if (subscribers.length > 0) port.postMessage({ kind: FromFanout.Slow, subscribers });
    },
  };
  const stopTimers = startEdgeTimers(
    [fanout.liveness, fanout.sendQueues, slowReports],
    counters,
    new Heart(memory.heartbeat, systemClock),
    (ms) => fanout.liveness.credit(ms),
  );
  await new Promise<void>((resolve, reject) => {
    // An app that is still open when its thread ends aborts the process: close it first, whatever happened.
    let failure: Error | undefined;
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      poller.stop();
      stopTimers();
      endpoint.close();
      bell?.close();
      port.close();
      process.off('uncaughtException', failed);
      if (failure === undefined) resolve();
      else reject(failure);
    };
    const failed = (cause: Error): void => {
      if (failure !== undefined) return;
      failure = cause;
      poller.stop();
      // Main answers with Close, once no more sockets are handed to this thread.
      port.postMessage({ kind: FromFanout.Failed });
      setTimeout(end, WORKER_END_MS_MAX);
    };
    process.on('uncaughtException', failed);
    port.on('message', (command: ToFanoutCommand) => {
      switch (command.kind) {
        case ToFanout.Close:
          end();
          break;
        case ToFanout.Bell:
          listenTo(command.bell);
          break;
        case ToFanout.Drain:
          void drain(fanout, command).then(() => port.postMessage(drained));
          break;
        case ToFanout.Fault:
          throw new Error('a fault that was asked for');
        default:
          throw new Error(`unknown command ${JSON.stringify(command)}`);
      }
    });
    port.postMessage({ kind: FromFanout.Ready, descriptor: endpoint.descriptor });
  });
}

const drained = { kind: FromFanout.Drained } as const;

async function drain(
  fanout: Fanout,
  { closesPerSecond, timeoutMs }: { closesPerSecond: number; timeoutMs: number },
) {
  const sessions = fanout.startDraining(reconnectSpread(fanout.connectionCount, closesPerSecond));
  await closePaced(sessions, () => fanout.connectionCount, closesPerSecond, timeoutMs);
}
