/** The thread of the cluster link: one more edge, whose sessions are other nodes. */
import { workerData } from 'node:worker_threads';
import { type ClusterTask, runClusterThread } from '../src/cluster/run.ts';

await runClusterThread(workerData as ClusterTask);
