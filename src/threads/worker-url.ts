/** Where the code of a worker thread is: from `dist/src/threads/` to `dist/workers/`. */
export function workerUrl(name: 'owner' | 'fanout' | 'snapshot'): URL {
  return new URL(`../../workers/${name}.js`, import.meta.url);
}
