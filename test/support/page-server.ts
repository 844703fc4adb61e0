/** Serves the project's folder to a browser on loopback, as `python3 -m http.server` would, and pages of a test's own. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { bindFreePort } from './bind-free-port.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' };

export interface PageServer {
  /** Where pages come from: what the hub must allow. */
  origin(): string;
}

/** Registers the start and the end of a server for the surrounding suite. @param pages path → HTML */
export function usePageServer(pages: Readonly<Record<string, string>> = {}): PageServer {
  const server = createServer(async ({ url = '/' }, response) => {
    const path = normalize(new URL(url, 'http://page').pathname);
    const type = types[extname(path)];
    try {
      if (type === undefined) throw new Error('not a page and not a module');
      const body = pages[path] ?? (await readFile(join(ROOT, path)));
      response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(body);
    } catch {
      response.writeHead(path === '/favicon.ico' ? 204 : 404).end();
    }
  });
  let port = 0;
  beforeAll(async () => {
    port = await bindFreePort(server);
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  return { origin: () => `http://127.0.0.1:${port}` };
}
