/**
 * For the name `localhost`, fastify binds every address that it stands for, each with a server of its own. Those had no
 * limit of connections, kept their certificate after a reload, and ended the hub where the host could not accept one.
 */
import dns from 'node:dns';
import { Server } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startAdmin } from '../../src/admin/server.ts';
import { FakeHub } from '../admin/fake-hub.ts';

const LOOPBACK = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];
const options = { port: 0, adminToken: '', allowedOrigins: [], allowedHosts: [], maxMessageBytes: 65536 };

/** As `dns.lookup`, with options or without. */
function lookup(_host: string, ...rest: readonly unknown[]): void {
  const done = rest.at(-1) as (error: null, ...found: readonly unknown[]) => void;
  const { all = false } = rest.length > 1 ? (rest[0] as dns.LookupOptions) : {};
  const [first] = LOOPBACK;
  process.nextTick(() => (all ? done(null, LOOPBACK) : done(null, first!.address, first!.family)));
}

it('the admin port is bound once where its host has several addresses', async () => {
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as typeof dns.lookup);
  vi.spyOn(dns.promises, 'lookup').mockImplementation((async () => LOOPBACK[0]) as never);
  const listen = vi.spyOn(Server.prototype, 'listen');
  onTestFinished(() => void vi.restoreAllMocks());
  const admin = await startAdmin({ ...options, host: 'localhost' }, new FakeHub().deps);
  onTestFinished(() => admin.close());
  expect(listen).toHaveBeenCalledTimes(1);
  const { status } = await fetch(`http://127.0.0.1:${admin.port}/livez`);
  expect(status).toBe(200);
});
