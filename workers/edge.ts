/** An edge in a thread of its own: attaches the shared memory, builds the edge and runs it until main says close. */
import { workerData } from 'node:worker_threads';
import { attachEdge } from '../src/edge/attach.ts';
import { type Endpoints, runEdgeThread } from '../src/edge/thread.ts';
import { FromEdge } from '../src/records/commands.ts';
import type { EdgeTask } from '../src/supervise/tasks.ts';
import { chooseTransport } from '../src/transport/choose.ts';

const task = workerData as EdgeTask;
const { settings, tls, listeners, port, bell, tapped } = task;
const { transport } = await chooseTransport('uws', { tls, end: settings.tlsEnd });
const { threads } = transport;
if (threads === undefined) throw new Error(`the ${transport.name} transport has no threads`);
const attached = attachEdge({
  ...task,
  isBoth: listeners.length > 1,
  journal: (entries) => port.postMessage({ kind: FromEdge.Journal, entries }),
  frameFailed: (failure) => port.postMessage({ kind: FromEdge.FrameFailed, failure }),
});
const endpoints: Endpoints = Object.fromEntries(
  listeners.map((listener) => [
    listener,
    threads.child({ routes: attached.routes[listener], arrivals: attached.arrivals }),
  ]),
);
for (const listener of listeners) attached.edge.deliverer.attach(endpoints[listener]!, listener === 'device');
await runEdgeThread(attached, {
  endpoints,
  port,
  bell,
  tapped,
  reload({ settings: changed, tokens, tls: other }) {
    attached.reload(changed, tokens);
    if (other === undefined) return;
    for (const endpoint of Object.values(endpoints)) endpoint.useTls(other);
  },
});
