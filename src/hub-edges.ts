/** The hub's parts that hold peers: the listeners of main, and the threads that take the connections of the others. */
import { frameFailed, type HubBase, type Started } from './hub-base.ts';
import type { ListenerName } from './records/commands.ts';
import { edgesOf } from './supervise/edge-plan.ts';
import { EdgeThreads, type EdgeThreadsDeps } from './supervise/edge-threads.ts';
import { MAIN_EDGE } from './supervise/memory.ts';
import { listenTcp } from './transport/tcp.ts';
import type { Tls } from './transport/tls.ts';
import type { Acceptor } from './transport/transport.ts';

/** A listener of main's, or an acceptor that hands connections to other edges. */
export interface Opened {
  readonly port: number;
  /** Absent: the connections are main's. */
  readonly acceptor?: Acceptor;
  useTls(tls: Tls): Promise<void> | void;
  close(): Promise<void> | void;
}

/**
 * Binds the port of devices or of subscribers on the edges that hold them.
 * @throws ListenError when it cannot be bound
 */
export async function openListener(
  { settings, main, transport, edges }: HubBase,
  name: ListenerName,
): Promise<Opened> {
  const { arrivals } = main;
  const port = name === 'device' ? settings.devicePort : settings.subscriberPort;
  if (edges[MAIN_EDGE]!.listeners.includes(name)) {
    const listener = await transport.listen(settings.host, port, { routes: main.routes[name], arrivals });
    main.edge.deliverer.attach(listener, name === 'device');
    return listener;
  }
  const acceptor = await transport.threads!.acceptor(settings.host, port, arrivals);
  return {
    port: acceptor.port,
    acceptor,
    useTls: (tls) => acceptor.useTls(tls), // the threads have taken care of theirs
    close: () => acceptor.close(),
  };
}

/** MQTT over TCP, on main. @returns undefined where it is off */
export async function openMqtt({ settings, tls, main }: HubBase): Promise<Opened | undefined> {
  const { host, mqttPort } = settings;
  if (mqttPort === 'off') return undefined;
  const listener = await listenTcp(tls, host, mqttPort, main.mqttTcp);
  main.edge.deliverer.attach(listener, true);
  return listener;
}

/** Starts the edges beside main. @returns undefined where there is none */
export async function startThreads(
  base: HubBase,
  { owner, bells }: Started,
  opened: Readonly<Record<ListenerName, Opened>>,
  slow: EdgeThreadsDeps['slow'],
): Promise<EdgeThreads | undefined> {
  const { settings, logger, memory, main, reloader, files, crashes, failed } = base;
  const edges = base.edges.filter(({ edge, role }) => edge !== MAIN_EDGE && role !== 'cluster');
  if (edges.length === 0) return undefined;
  const { taps } = main.edge.publisher;
  const threads = await EdgeThreads.start({
    edges,
    memory,
    settings,
    tokens: () => reloader.tokens,
    tls: () => reloader.tls,
    files,
    acceptors: {
      ...(opened.device.acceptor && { device: opened.device.acceptor }),
      ...(opened.subscriber.acceptor && { subscriber: opened.subscriber.acceptor }),
    },
    deliveringEdges: edgesOf(base.edges, 'subscriber').length,
    owner,
    bells,
    crashes,
    restarting: (thread, failure) =>
      logger.error({ err: failure, thread }, 'a thread died; another takes its place'),
    failed,
    frameFailed: (failure) => frameFailed(logger, failure),
    journal: (thread, entries) => base.activity.journal(thread, entries),
    slow,
    tapped: () => taps.devices,
    events(events) {
      for (const { device, bytes, frame, at, count } of events) taps.event(device, bytes, frame, at, count);
    },
  });
  taps.changed = (device, isTapped) => threads.tap(device, isTapped);
  return threads;
}

/** Ends the threads, once no connection is handed to them any more. */
export async function stopThreads(
  threads: EdgeThreads | undefined,
  listeners: readonly Opened[],
): Promise<void> {
  for (const { acceptor } of listeners) acceptor?.stopAccepting();
  await threads?.stop();
}
