/**
 * In Node 20, a signal that combines others does not keep a time limit alive: garbage collection took it, and the hub
 * waited for the answer for ever. Nobody was told of changes any more.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { WebhookSender } from '../../src/webhooks/sender.ts';
import { WEBHOOK_SECRET } from '../support/webhook-receiver.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

it('a webhook receiver that never answers is given up, whatever garbage is collected meanwhile', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const end = new AbortController();
  const given = new Promise<string | undefined>((tried) => {
    const sender = new WebhookSender({
      receiver: () => ({ url: `http://127.0.0.1:${port}/`, secret: WEBHOOK_SECRET }),
      fetch,
      wallNow: Date.now,
      sleep: (ms) => sleep(ms, undefined, { signal: end.signal }),
      signal: end.signal,
      tried,
    });
    sender.send({ changes: [], resync: false }).catch(() => {}); // it ends with the test
  });
  const collecting = setInterval(collectGarbage, 100);
  expect(await given).toBe('no answer within 10 s');
  clearInterval(collecting);
  end.abort();
  server.closeAllConnections();
  server.close();
});
