/** The NATS configuration that is shipped: with it, and with no more rights than it gives, a cluster works. */
import { connect } from '@nats-io/transport-node';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { programPath } from '../support/programs.ts';
import { natsServerPath } from './support/nats-server.ts';
import type { NodeSettings } from './support/node-main.ts';
import { NodeProcess } from './support/node-process.ts';
import { type ShippedNats, startShippedNats } from './support/shipped-nats.ts';

const isMissing = natsServerPath === undefined || programPath('openssl') === undefined;

describe.skipIf(isMissing)('deploy/nats/nats.conf (needs nats-server and openssl)', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function startNats(): Promise<ShippedNats> {
    const shipped = await startShippedNats();
    cleanups.push(() => shipped.nats.kill());
    return shipped;
  }

  const settings = (node: string, port: number, caFile: string): NodeSettings => ({
    servers: [`tls://dat:secret@localhost:${port}`],
    cluster: 'dat',
    node,
    timeoutMs: 2000,
    historyEvents: 10,
    tls: { caFile },
  });

  it('lets hubs do all that they do', async () => {
    const { nats, caFile } = await startNats();
    const [a, b] = await Promise.all(
      ['a', 'b'].map((name) => NodeProcess.start(settings(name, nats.port, caFile))),
    );
    for (const node of [a!, b!]) cleanups.push(() => node.kill());
    for (const node of [a!, b!]) await node.joined(1);
    await b!.ask({ do: 'follow', ids: ['dev-1'] });
    await a!.ask({ do: 'connectDevice', id: 'dev-1' });
    await a!.ask({ do: 'publish', id: 'dev-1', from: 1, to: 10 });
    const arrived = async (): Promise<boolean> =>
      (await b!.got('dev-1')).filter(({ is }) => is === 'event').length === 10;
    await eventually('events arrive', arrived);
    const deny = { kind: 'pair', device: 'dev-1', subscriber: 's-1', access: 'deny' } as const;
    for (const access of ['deny', undefined] as const) {
      const change = [{ ...deny, access }] as never;
      // A node that is slow to confirm is named; then the operator asks again.
      await eventually('both nodes obey', async () => {
        const done = await a!.ask<{ ok: boolean; pendingNodes?: string[] }>({
          do: 'change',
          changes: change,
        });
        return done.ok && done.pendingNodes?.length === 0;
      });
    }
    expect(nats.output).not.toMatch(/permissions violation/i);
    for (const node of [a!, b!]) expect(node.stderr).not.toMatch(/permission/i);
  });

  it('lets nobody in without the password, or without TLS', async () => {
    const { nats, caFile } = await startNats();
    const wrong = {
      ...settings('a', nats.port, caFile),
      servers: [`tls://dat:wrong@localhost:${nats.port}`],
    };
    await expect(NodeProcess.start(wrong)).rejects.toThrow(/Authorization/);
    const other = { ...settings('a', nats.port, caFile), tls: {} };
    await expect(NodeProcess.start(other)).rejects.toThrow(/certificate/);
  });

  it('lets a hub do no more than that', async () => {
    const { nats, caFile } = await startNats();
    const client = await connect({
      servers: `localhost:${nats.port}`,
      user: 'dat',
      pass: 'secret',
      tls: { caFile },
      reconnect: false,
    });
    cleanups.push(() => client.close());
    const refused: string[] = [];
    void (async () => {
      for await (const status of client.status())
        if (status.type === 'error') refused.push(status.error.message);
    })();
    for (const subject of [
      'other',
      '$JS.API.STREAM.PURGE.KV_dat_dat',
      '$JS.API.STREAM.DELETE.KV_dat_dat',
      '$SYS.REQ.SERVER.PING',
    ])
      client.publish(subject, '');
    client.subscribe('>', { callback: () => {} });
    await client.flush();
    await eventually('all are refused', () => refused.length === 5);
  });
});
