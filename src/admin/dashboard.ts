/**
 * The dashboard's files, as built by `npm run build`: read once at start and served from memory, each at its own route,
 * so that no request path ever names a file. They are the same for everyone and need no token.
 */
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import type { AdminApp } from './app.ts';

const INDEX = 'index.html';
/** Vite puts a hash of the content into these names. */
const HASHED = 'assets/';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Nothing from elsewhere, nothing inline, and no text that becomes markup or a script. */
const headers = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types dat-live-worker', // names the worker that tabs share, and nothing else
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

export interface DashboardFile {
  readonly url: string;
  readonly type: string;
  readonly body: Buffer;
  readonly cacheControl: string;
}

/** @returns what is in the folder; nothing where the folder is missing */
export async function readDashboard(folder: string): Promise<readonly DashboardFile[]> {
  const names = await readdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const known = names.filter((name) => extname(name) in types);
  return Promise.all(
    known.map(async (name) => {
      const path = name.split(sep).join('/');
      return {
        url: path === INDEX ? '/' : `/${path}`,
        type: types[extname(name)]!,
        body: await readFile(join(folder, name)),
        cacheControl: path.startsWith(HASHED) ? 'public, max-age=31536000, immutable' : 'no-cache',
      };
    }),
  );
}

/** Serves the files of the dashboard, which hold no secret and need no token. */
export function dashboardRoutes(app: AdminApp, files: readonly DashboardFile[]): void {
  for (const { url, type, body, cacheControl } of files) {
    app.get(url, { schema: { hide: true }, config: { holdsNoSecret: true } }, async (_request, reply) =>
      reply
        .headers({ ...headers, 'cache-control': cacheControl })
        .type(type)
        .send(body),
    );
  }
}
