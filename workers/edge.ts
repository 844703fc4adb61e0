/** An edge in a thread of its own: attaches the shared memory, builds the edge and runs it until main says close. */
import { readFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { attachEdge } from '../src/edge/attach.ts';
import { runEdgeThread } from '../src/edge/thread.ts';
import { FromEdge } from '../src/records/commands.ts';
import type { EdgeTask } from '../src/supervise/tasks.ts';
import { chooseTransport, tlsEndOf } from '../src/transport/choose.ts';
import { readTls } from '../src/transport/tls.ts';

const task = workerData as EdgeTask;
const { settings, port, bell } = task;
const tls = readTls(settings, (path) => readFileSync(path, 'utf8'));
const { transport } = await chooseTransport('uws', { tls, end: tlsEndOf(settings) });
if (transport.threads === undefined) throw new Error(`the ${transport.name} transport has no threads`);
const attached = attachEdge({
  ...task,
  isBoth: false,
  frameFailed: (failure) => port.postMessage({ kind: FromEdge.FrameFailed, failure }),
});
const endpoint = transport.threads.child({
  routes: [attached.subscriberRoute],
  arrivals: attached.arrivals,
});
attached.edge.deliverer.attach(endpoint);
await runEdgeThread(attached, endpoint, port, bell);
