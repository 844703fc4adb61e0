/** Where the code of a worker thread is. */
import { packageFile } from '../package-root.ts';

export type WorkerName = 'owner' | 'edge' | 'snapshot' | 'cluster' | 'webhooks' | 'tls';

/** The compiled file: Node 20 runs no TypeScript in a worker. */
export function workerUrl(name: WorkerName): URL {
  return packageFile(`dist/workers/${name}.js`);
}
