/** What ends TLS in front of one listener, in a thread of its own. */
import { workerData } from 'node:worker_threads';
import { runTlsThread } from '../src/edge/tls-thread.ts';
import type { TlsTask } from '../src/supervise/tasks.ts';

await runTlsThread(workerData as TlsTask);
