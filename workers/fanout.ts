/** A fan-out thread, as one endless piscina task: owns its subscribers' sockets until main says close. */
import { readFileSync } from 'node:fs';
import { Gates } from '../src/access/gates.ts';
import { systemClock } from '../src/clock.ts';
import { Fanout } from '../src/fanout/fanout.ts';
import { Counters } from '../src/memory/counters.ts';
import { Ringer, Sleeper } from '../src/memory/doorbell.ts';
import { RingConsumer, RingProducer } from '../src/memory/ring.ts';
import { PresenceReader } from '../src/presence/table.ts';
import { FromFanout, ToFanout, type ToFanoutCommand } from '../src/threads/commands.ts';
import { closePaced, reconnectSpread } from '../src/threads/drain.ts';
import { startEdgeTimers } from '../src/threads/edge-timers.ts';
import { Poller } from '../src/threads/poller.ts';
import { type FanoutTask, pausesFor } from '../src/threads/tasks.ts';
import { chooseTransport } from '../src/transport/choose.ts';
import { contained } from '../src/transport/contained.ts';
import { readTls } from '../src/transport/tls.ts';

export default async function run(task: FanoutTask): Promise<void> {
  const { presence, ownerDoorbell, door, memory, worker, settings, tokens, fanoutThreads, port, bell } = task;
  const { transport } = await chooseTransport(
    'uws',
    readTls(settings, (path) => readFileSync(path, 'utf8')),
  );
  if (transport.threads === undefined) throw new Error(`the ${transport.name} transport has no threads`);
  const counters = new Counters(memory.counters);
  const gates = new Gates({ door, thread: worker + 1, settings, tokens, clock: systemClock, counters });
  const fanout = new Fanout({
    gate: gates.gateFor('subscriber'),
    presence: new PresenceReader(presence),
    toOwner: new RingProducer(memory.toOwner),
    fromOwner: new RingConsumer(memory.fromOwner),
    ownerRinger: new Ringer(ownerDoorbell),
    clock: systemClock,
    counters,
    settings,
    fanoutThreads,
  });
  const endpoint = transport.threads.child(
    contained(fanout.listenerOptions(), counters, (failure) =>
      port.postMessage({ kind: FromFanout.FrameFailed, failure }),
    ),
  );
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
  bell.on('message', poller.wake);
  poller.wake();
  const stopTimers = startEdgeTimers([fanout.liveness, fanout.sendQueues], counters);
  await new Promise<void>((resolve, reject) => {
    // An app that is still open when its thread ends aborts the process: close it first, whatever happened.
    const end = (failure?: Error): void => {
      poller.stop();
      stopTimers();
      endpoint.close();
      bell.close();
      port.close();
      if (failure === undefined) resolve();
      else reject(failure);
    };
    process.once('uncaughtException', (failure) => {
      port.postMessage({ kind: FromFanout.Failed, message: failure.stack ?? String(failure) });
      end(failure);
    });
    port.on('message', (command: ToFanoutCommand) => {
      if (command.kind === ToFanout.Close) end();
      else if (command.kind === ToFanout.Drain)
        void drain(fanout, command).then(() => port.postMessage(drained));
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
