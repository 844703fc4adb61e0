/** The configurations of NATS that deploy/ ships, with hubs; test/cluster/deploy.test.ts has what they forbid. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { type Node, startNode } from '../cluster/support/hub-cluster.ts';
import { natsServerPath } from '../cluster/support/nats-server.ts';
import { type ShippedNats, startShippedNats } from '../cluster/support/shipped-nats.ts';
import { makeCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { programPath } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const FOLDER = new URL('../../deploy/nats/', import.meta.url);
const isMissing = natsServerPath === undefined || programPath('openssl') === undefined;

describe.skipIf(isMissing)('deploy/nats, with hubs (needs nats-server and openssl)', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  it.each(['nats.conf', 'compose.conf'])('%s is one that nats-server takes', (file) => {
    const folder = temporaryDirectory();
    const { certFile, keyFile } = makeCertificate(folder);
    const env = {
      ...{ NATS_STORE: folder, NATS_PASSWORD: 'secret' },
      ...{ NATS_CERT_FILE: certFile, NATS_KEY_FILE: keyFile, NATS_CA_FILE: certFile },
    };
    const path = fileURLToPath(new URL(file, FOLDER));
    const { status, stderr } = spawnSync(natsServerPath!, ['-t', '-c', path], { env, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
  });

  async function startNats(): Promise<ShippedNats> {
    const shipped = await startShippedNats();
    cleanups.push(() => shipped.nats.kill());
    return shipped;
  }

  it('nats.conf lets them do all that they do', async () => {
    const { nats, caFile } = await startNats();
    const url = `tls://dat:secret@localhost:${nats.port}`;
    const start = async (name: string): Promise<Node> => {
      const node = await startNode(url, name, { NODE_EXTRA_CA_CERTS: caFile });
      cleanups.push(() => node.hub.stop());
      return node;
    };
    const [a, b] = await Promise.all([start('a'), start('b')]);
    const device = await a.device('dev-1');
    const subscriber = await b.subscriber('s-1');
    const isOnline = (devices: readonly unknown[] = []): boolean =>
      devices.some((entry) => (entry as { readonly state: string }).state === 'online');
    const { devices } = await subscriber.subscribe('dev-1');
    // Where the home does not answer within a second, its entry comes later.
    if (!isOnline(devices))
      await subscriber.frames.next((frame) => frame.op === 'subscribed' && isOnline(frame.devices));
    const { seq } = await device.message('crosses');
    const crossed = await subscriber.frames.next(({ op, data }) => op === 'event' && data === 'crosses');
    expect(crossed).toMatchObject({ device: 'dev-1', seq });
    const pair = '/v1/devices/dev-1/subscribers/s-1';
    // On a busy host a node may confirm too late; it does the next time.
    await eventually('both nodes obey the denial', async () => {
      const denied = await a.operate('PUT', pair, { body: { status: 'deny' } });
      expect(denied).toMatchObject({ status: 200 });
      return !Object.hasOwn(denied.body as object, 'pendingNodes');
    });
    expect(await b.operate('DELETE', pair)).toMatchObject({ status: 200 });
    expect(nats.output).not.toMatch(/violation/i);
    for (const { hub } of [a, b]) expect(hub.stderr()).not.toMatch(/permission|violation/i);
  });
});
