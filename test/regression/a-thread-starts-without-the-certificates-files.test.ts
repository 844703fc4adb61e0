/**
 * A worker read the certificate's files again when it took the place of one that had died. While those could not be read,
 * or did not fit each other, it died too, and after five of them the hub ended.
 */
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { expect, it, onTestFinished } from 'vitest';
import { calm } from '../conformance/harness.ts';
import { makeCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { startHub } from '../support/hub-process.ts';
import { Subscriber } from '../support/peers.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { uwsLoads } from '../support/uws-loads.ts';

it.skipIf(!uwsLoads())('has the certificate that the hub has', async () => {
  const { certFile, keyFile, cert: ca } = makeCertificate(temporaryDirectory());
  const hub = await startHub({
    ...calm,
    DAT_TRANSPORT: 'uws',
    DAT_FANOUT_WORKERS: '1',
    DAT_FAULT_INJECTION: 'true',
    DAT_TLS_CERT_FILE: certFile,
    DAT_TLS_KEY_FILE: keyFile,
  });
  onTestFinished(() => hub.kill());
  const before = await Subscriber.connect(hub.subscriberPort, '?id=s-1', { ca });
  await before.welcome();
  writeFileSync(keyFile, 'no key');
  const headers = { 'content-type': 'application/json' };
  request({ port: hub.adminPort, host: '127.0.0.1', ca, path: '/v1/faults', method: 'POST', headers })
    .on('response', (response) => response.resume())
    .end(JSON.stringify({ thread: 'fanout', worker: 0 }));
  expect((await before.closed).code).toBe(1006);
  const after = await eventually('another takes its place', () =>
    Subscriber.connect(hub.subscriberPort, '?id=s-1', { ca }).catch(() => undefined),
  );
  await after.welcome();
  expect(hub.stderr().match(/a thread died/g)).toHaveLength(1);
  expect(await hub.stop()).toBe(0);
});
