/** A thread that writes one snapshot and ends: blocks nobody but itself. */
import { parentPort, workerData } from 'node:worker_threads';
import { type SnapshotTask, writeTable } from '../src/snapshot/write.ts';

parentPort!.postMessage(writeTable(workerData as SnapshotTask));
