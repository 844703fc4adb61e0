/** An edge in a thread of its own: attaches the shared memory, builds the edge and runs it until main says close. */
import { readFileSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { attachEdge } from '../src/edge/attach.ts';
import { runEdgeThread } from '../src/edge/thread.ts';
import { FromEdge } from '../src/records/commands.ts';
import type { EdgeTask } from '../src/supervise/tasks.ts';
import { chooseTransport } from '../src/transport/choose.ts';
import { readTls } from '../src/transport/tls.ts';

const task = workerData as EdgeTask;
const { settings, port, bell } = task;
const readFile = (path: string): string => readFileSync(path, 'utf8');
const tls = readTls(settings, readFile);
const { transport } = await chooseTransport('uws', { tls, end: settings.tlsEnd });
if (transport.threads === undefined) throw new Error(`the ${transport.name} transport has no threads`);
const attached = attachEdge({
  ...task,
  isBoth: false,
  journal: (entries) => port.postMessage({ kind: FromEdge.Journal, entries }),
  frameFailed: (failure) => port.postMessage({ kind: FromEdge.FrameFailed, failure }),
});
const endpoint = transport.threads.child({
  routes: [attached.subscriberRoute],
  arrivals: attached.arrivals,
});
attached.edge.deliverer.attach(endpoint);
await runEdgeThread(attached, endpoint, port, bell, ({ settings: changed, tokens, isOtherCertificate }) => {
  attached.reload(changed, tokens);
  const other = isOtherCertificate ? readTls(settings, readFile) : undefined;
  if (other !== undefined) endpoint.useTls(other);
});
