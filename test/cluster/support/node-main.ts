/**
 * A node of the cluster as a process: the link on a real NATS server, with a hub in memory. Its parent tells it what
 * devices and subscribers do, and asks what followers got.
 */
import { systemClock } from '../../../src/clock.ts';
import { createLinkCounts } from '../../../src/cluster/figures.ts';
import type { OperatorChange } from '../../../src/cluster/host.ts';
import { ClusterLink } from '../../../src/cluster/link.ts';
import { HomeKind, Level } from '../../../src/cluster/records.ts';
import { type Connection, FakeHost, type Got } from './fake-host.ts';

export interface NodeSettings {
  readonly servers: readonly string[];
  readonly cluster: string;
  readonly node: string;
  readonly timeoutMs: number;
  readonly historyEvents: number;
  readonly replicas?: number;
  readonly maxMessageBytes?: number;
  readonly credsFile?: string;
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  readonly snapshot?: readonly OperatorChange[];
}

export interface NodeState {
  readonly phase: number;
  readonly phases: readonly string[];
  readonly connected: boolean;
  readonly members: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
  readonly applied: { readonly revision: number; readonly bucket: string };
  readonly changes: readonly OperatorChange[];
  readonly devices: readonly string[];
  /** Of devices with their home here. */
  readonly positions: Readonly<Record<string, { readonly epoch: string; readonly seq: number }>>;
  readonly subscribers: Readonly<Record<string, readonly string[]>>;
  readonly closed: Readonly<Record<string, number>>;
  readonly cpuMs: number;
}

export type NodeCommand =
  | {
      readonly do: 'connectDevice' | 'disconnectDevice' | 'connectSubscriber' | 'disconnectSubscriber';
      readonly id: string;
    }
  | { readonly do: 'publish'; readonly id: string; readonly from: number; readonly to: number }
  | { readonly do: 'publishEvery'; readonly ids: readonly string[]; readonly everyMs: number }
  | { readonly do: 'follow'; readonly ids: readonly string[] }
  | { readonly do: 'keep'; readonly id: string; readonly kept: readonly string[] }
  | { readonly do: 'got'; readonly id: string }
  | { readonly do: 'change'; readonly changes: readonly OperatorChange[] }
  | { readonly do: 'call'; readonly node: string; readonly name: string; readonly body: string }
  | { readonly do: 'leaveSubscribers' | 'state' | 'close' };

const connections = new Map<string, Connection>();
let link: ClusterLink | undefined;

async function main(settings: NodeSettings): Promise<void> {
  const host = new FakeHost(settings.node, settings.historyEvents, (what) => setImmediate(what));
  host.onApply = (_changes, revision) => setImmediate(() => link?.operators.applied(revision));
  const opened = await ClusterLink.open({
    servers: settings.servers,
    cluster: settings.cluster,
    node: settings.node,
    version: '0.0.0',
    timeoutMs: settings.timeoutMs,
    credsFile: settings.credsFile,
    tls: settings.tls ?? {},
    replicas: settings.replicas ?? 1,
    maxMessageBytes: settings.maxMessageBytes ?? 65_536,
    stopped: new AbortController().signal,
    isReopened: false,
    clock: systemClock,
    host,
    figures: createLinkCounts(),
    snapshot: settings.snapshot ?? [],
    log: (level, message, fields) =>
      process.stderr.write(`${settings.node} ${level} ${message} ${JSON.stringify(fields ?? {})}\n`),
    connectedChanged: () => {},
  });
  link = opened;
  host.node = opened.node;
  process.on('message', ({ request, command }: { request: number; command: NodeCommand }) => {
    void run(opened, host, command).then((answer) => process.send!({ request, answer }));
  });
  process.send!({ request: 0, answer: null });
}

async function run(on: ClusterLink, host: FakeHost, command: NodeCommand): Promise<unknown> {
  switch (command.do) {
    case 'connectDevice':
      host.connectDevice(connect(command.id));
      return null;
    case 'disconnectDevice':
      host.disconnectDevice(connections.get(command.id)!);
      return null;
    case 'connectSubscriber':
      host.connectSubscriber(connect(command.id));
      return null;
    case 'disconnectSubscriber':
      host.disconnectSubscriber(connections.get(command.id)!);
      return null;
    case 'publish':
      for (let n = command.from; n <= command.to; n++) host.publish(connections.get(command.id)!, n);
      return null;
    case 'publishEvery':
      publishEvery(host, command.ids, command.everyMs);
      return null;
    case 'follow':
      for (const id of command.ids) host.follow(id, Level.active);
      return null;
    case 'keep':
      host.subscribers.get(command.id)!.kept.push(...command.kept);
      return null;
    case 'got':
      return host.got(command.id) satisfies readonly Got[];
    case 'change':
      return on.operators.change(command.changes);
    case 'call': {
      const { status, body } = await on.node.call(command.node, command.name, Buffer.from(command.body));
      return { status, body: Buffer.from(body).toString() };
    }
    case 'leaveSubscribers':
      host.draining = true;
      for (const id of [...host.subscribers.keys()]) on.node.homes.leave(HomeKind.subscriber, id);
      return null;
    case 'state':
      return stateOf(on, host);
    case 'close':
      await on.close();
      setImmediate(() => process.exit(0));
      return null;
  }
}

function connect(id: string): Connection {
  const made: Connection = { id, alive: true, closed: undefined };
  connections.set(id, made);
  return made;
}

/** Each device sends 1, 2, 3 … for as long as it is connected here. */
function publishEvery(host: FakeHost, ids: readonly string[], everyMs: number): void {
  let n = 0;
  setInterval(() => {
    n += 1;
    for (const id of ids) host.publish(connections.get(id)!, n);
  }, everyMs);
}

function stateOf(on: ClusterLink, host: FakeHost): NodeState {
  const { node } = on;
  const { user, system } = process.cpuUsage();
  return {
    phase: node.phase,
    phases: host.phases,
    connected: on.isConnected,
    members: [...node.members.all].map((member) => member.node),
    figures: node.figures,
    applied: node.confirms.applied,
    changes: host.applied,
    devices: [...host.devices.keys()],
    positions: Object.fromEntries([...host.devices].map(([id, { epoch, seq }]) => [id, { epoch, seq }])),
    subscribers: Object.fromEntries([...host.subscribers].map(([id, { kept }]) => [id, kept])),
    closed: Object.fromEntries(
      [...connections].flatMap(([id, { closed }]) => (closed === undefined ? [] : [[id, closed]])),
    ),
    cpuMs: (user + system) / 1000,
  };
}

await main(JSON.parse(process.argv[2] ?? '{}') as NodeSettings);
