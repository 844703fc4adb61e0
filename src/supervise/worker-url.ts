/** Where the code of a worker thread is: from `dist/src/supervise/` to `dist/workers/`. */
export type WorkerName = 'owner' | 'edge' | 'snapshot' | 'cluster' | 'webhooks' | 'tls';

export function workerUrl(name: WorkerName): URL {
  return new URL(`../../workers/${name}.js`, import.meta.url);
}
