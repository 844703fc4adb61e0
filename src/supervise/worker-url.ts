/** Where the code of a worker thread is. */
import { packageFile } from '../package-root.ts';

export type WorkerName = 'owner' | 'edge' | 'snapshot' | 'cluster' | 'webhooks' | 'tls';

export function workerUrl(name: WorkerName): URL {
  return packageFile(`dist/workers/${name}.js`);
}
