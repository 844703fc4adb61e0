/** How an edge that is a thread of its own obeys main, and how it ends. */
import type { MessagePort } from 'node:worker_threads';
import { WORKER_END_MS_MAX } from '../limits.ts';
import {
  type Descriptors,
  type EdgeReload,
  FromEdge,
  type FromEdgeCommand,
  type ListenerName,
  ToEdge,
  type ToEdgeCommand,
} from '../records/commands.ts';
import type { ChildEndpoint } from '../transport/transport.ts';
import type { AttachedEdge } from './attach.ts';
import { closePaced, reconnectSpread } from './drain.ts';
import type { Edge } from './edge.ts';
import { TapRelay } from './publish/tap-relay.ts';

/** Where the thread takes its connections, by listener. */
export type Endpoints = Readonly<Partial<Record<ListenerName, ChildEndpoint>>>;

export interface EdgeThreadOptions {
  readonly endpoints: Endpoints;
  /** Commands from main, and back. */
  readonly port: MessagePort;
  /** The owner rings here. */
  readonly bell: MessagePort;
  /** Devices whose events main looks at. */
  readonly tapped: readonly string[];
  /** @throws Error where it cannot */
  reload(what: EdgeReload): void;
}

/** Runs until main says close. @throws what ended the thread before */
export function runEdgeThread(attached: AttachedEdge, options: EdgeThreadOptions): Promise<void> {
  const { endpoints, port, bell, reload } = options;
  const { edge, poller } = attached;
  const say = (message: FromEdgeCommand): void => port.postMessage(message);
  let currentBell: MessagePort | undefined;
  const listenTo = (next: MessagePort): void => {
    currentBell?.close();
    currentBell = next.on('message', poller.wake);
    poller.wake(); // what another owner rang before may not have been heard
  };
  listenTo(bell);
  const { sendQueues } = edge.deliverer;
  const slowReports = {
    tickMs: sendQueues.tickMs,
    tick() {
      const subscribers = sendQueues.slow();
      if (subscribers.length > 0) say({ kind: FromEdge.Slow, subscribers });
    },
  };
  const taps = new TapRelay({
    taps: edge.publisher.taps,
    clock: edge.clock,
    say: (events) => say({ kind: FromEdge.Tapped, events }),
  });
  taps.set(options.tapped, true);
  const stopTimers = attached.startTimers([slowReports]);
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    let ended = false;
    // An app that is still open when its thread ends aborts the process: close it first, whatever happened.
    const end = (): void => {
      if (ended) return;
      ended = true;
      poller.stop();
      stopTimers();
      for (const endpoint of Object.values(endpoints)) endpoint.close();
      currentBell?.close();
      port.close();
      process.off('uncaughtException', failed);
      if (failure === undefined) resolve();
      else reject(failure);
    };
    const failed = (cause: Error): void => {
      if (failure !== undefined) return;
      failure = cause;
      poller.stop();
      say({ kind: FromEdge.Failed }); // main answers with Close, once no more connections are handed to this thread
      setTimeout(end, WORKER_END_MS_MAX);
    };
    process.on('uncaughtException', failed);
    port.on('message', (command: ToEdgeCommand) => {
      switch (command.kind) {
        case ToEdge.Close:
          end();
          break;
        case ToEdge.Bell:
          listenTo(command.bell);
          break;
        case ToEdge.Drain:
          void drain(edge, command).then(() => say({ kind: FromEdge.Drained }));
          break;
        case ToEdge.Reload: {
          const why = failureOf(() => reload(command));
          say({ kind: FromEdge.Reloaded, descriptors: descriptorsOf(endpoints), failure: why });
          break;
        }
        case ToEdge.Tap:
          taps.set(command.devices, command.isTapped);
          break;
        case ToEdge.Describe: {
          const { request, sessions } = command;
          say({ kind: FromEdge.Described, request, connections: edge.describe(sessions) });
          break;
        }
        case ToEdge.Fault:
          throw new Error('a fault that was asked for');
        default:
          throw new Error(`unknown command ${JSON.stringify(command satisfies never)}`);
      }
    });
    say({ kind: FromEdge.Ready, descriptors: descriptorsOf(endpoints) });
  });
}

/** They are others after a new certificate. */
function descriptorsOf(endpoints: Endpoints): Descriptors {
  return Object.fromEntries(
    Object.entries(endpoints).map(([listener, { descriptor }]) => [listener, descriptor]),
  );
}

function failureOf(work: () => void): Error | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

async function drain(
  edge: Edge,
  { closesPerSecond, timeoutMs }: { closesPerSecond: number; timeoutMs: number },
): Promise<void> {
  const sessions = edge.startDraining(reconnectSpread(edge.connectionCount, closesPerSecond));
  await closePaced(sessions, () => edge.connectionCount, closesPerSecond, timeoutMs);
}
