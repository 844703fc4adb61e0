import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AdminDeps, AdminOptions } from './deps.ts';
export async function startAdmin(
  options: AdminOptions,
  _deps: AdminDeps,
): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((_q, r) => void r.end());
  await new Promise<void>((resolve) => server.listen(options.port, options.host, resolve));
  return { port: (server.address() as AddressInfo).port, close: async () => void server.close() };
}
