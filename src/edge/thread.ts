/** How an edge with its own thread carries out main's commands, and how it ends. */
import type { MessagePort } from 'node:worker_threads';
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
import type { Watch } from './edge-timers.ts';
import { TapRelay } from './publish/tap-relay.ts';

/** Where the thread takes its connections, by listener. */
export type Endpoints = Readonly<Partial<Record<ListenerName, ChildEndpoint>>>;

export interface EdgeThreadOptions {
  readonly endpoints: Endpoints;
  /** Commands from main, and back. */
  readonly port: MessagePort;
  /** The owner rings here. */
  readonly bell: MessagePort;
  /** Devices whose events main watches. */
  readonly tapped: readonly string[];
  /** @throws Error where it cannot */
  reload(what: EdgeReload): void;
}

/** Runs until main closes it. @throws what ended the thread before that */
export function runEdgeThread(attached: AttachedEdge, options: EdgeThreadOptions): Promise<void> {
  return new EdgeThread(attached, options).run();
}

class EdgeThread {
  readonly #attached: AttachedEdge;
  readonly #options: EdgeThreadOptions;
  readonly #taps: TapRelay;
  #bell: MessagePort | undefined;
  #stopTimers = (): void => {};
  /** Told when the thread has ended. */
  #over = (): void => {};
  #failure: Error | undefined;
  #hasEnded = false;

  constructor(attached: AttachedEdge, options: EdgeThreadOptions) {
    this.#attached = attached;
    this.#options = options;
    const { edge } = attached;
    this.#taps = new TapRelay({
      taps: edge.publisher.taps,
      clock: edge.clock,
      say: (events) => this.#say({ kind: FromEdge.Tapped, events }),
    });
  }

  async run(): Promise<void> {
    const { port, bell, tapped, endpoints } = this.#options;
    this.#listenTo(bell);
    this.#taps.set(tapped, true);
    this.#stopTimers = this.#attached.startTimers([this.#slowReports()]);
    const over = new Promise<void>((resolve) => {
      this.#over = resolve;
    });
    process.on('uncaughtException', this.#failed);
    port.on('message', (command: ToEdgeCommand) => this.#obey(command));
    this.#say({ kind: FromEdge.Ready, descriptors: descriptorsOf(endpoints) });
    await over;
    if (this.#failure !== undefined) throw this.#failure;
  }

  #obey(command: ToEdgeCommand): void {
    const { edge } = this.#attached;
    switch (command.kind) {
      case ToEdge.Close:
        this.#end();
        break;
      case ToEdge.Bell:
        this.#listenTo(command.bell);
        break;
      case ToEdge.Drain:
        void drain(edge, command).then(() => this.#say({ kind: FromEdge.Drained }));
        break;
      case ToEdge.Reload: {
        const { reload, endpoints } = this.#options;
        const failure = failureOf(() => reload(command));
        this.#say({ kind: FromEdge.Reloaded, descriptors: descriptorsOf(endpoints), failure });
        break;
      }
      case ToEdge.Tap:
        this.#taps.set(command.devices, command.isTapped);
        break;
      case ToEdge.Describe: {
        const { request, sessions } = command;
        this.#say({ kind: FromEdge.Described, request, connections: edge.describe(sessions) });
        break;
      }
      case ToEdge.Fault:
        throw new Error('a fault that was asked for');
      default:
        throw new Error(`unknown command ${JSON.stringify(command satisfies never)}`);
    }
  }

  /** From now on the owner rings here. */
  #listenTo(bell: MessagePort): void {
    const { wake } = this.#attached.poller;
    this.#bell?.close();
    this.#bell = bell.on('message', wake);
    wake(); // what another owner rang before may not have been heard
  }

  #slowReports(): Watch {
    const { sendQueues } = this.#attached.edge.deliverer;
    return {
      tickMs: sendQueues.tickMs,
      tick: () => {
        const subscribers = sendQueues.slow();
        if (subscribers.length > 0) this.#say({ kind: FromEdge.Slow, subscribers });
      },
    };
  }

  /**
   * The thread has hit a bug: it ends once main says that no more connections are handed to it, however late that is. A
   * socket that is handed to an app that has gone aborts the process.
   */
  readonly #failed = (cause: Error): void => {
    if (this.#failure !== undefined) return;
    this.#failure = cause;
    this.#attached.poller.stop();
    this.#say({ kind: FromEdge.Failed }); // main answers with Close
  };

  /** An app that is still open when its thread ends aborts the process: closes it first, whatever happened. */
  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { endpoints, port } = this.#options;
    this.#attached.poller.stop();
    this.#stopTimers();
    for (const endpoint of Object.values(endpoints)) endpoint.close();
    this.#bell?.close();
    port.close();
    process.off('uncaughtException', this.#failed);
    this.#over();
  }

  #say(message: FromEdgeCommand): void {
    this.#options.port.postMessage(message);
  }
}

/** The descriptors change with a new certificate. */
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
