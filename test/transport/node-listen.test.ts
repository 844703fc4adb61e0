import { createServer } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { bindServer } from '../../src/transport/node-listen.ts';
import { ListenError } from '../../src/transport/transport.ts';

function server() {
  const created = createServer();
  onTestFinished(() => void created.close());
  return created;
}

it('binds a free port where none is named', async () => {
  expect(await bindServer(server(), '127.0.0.1', 0)).toBeGreaterThan(0);
});

it('says that the port is in use', async () => {
  const port = await bindServer(server(), '127.0.0.1', 0);
  const second = bindServer(server(), '127.0.0.1', port);
  await expect(second).rejects.toBeInstanceOf(ListenError);
  await expect(second).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: the port is in use`);
});

it('passes on what else the host says', async () => {
  const elsewhere = bindServer(server(), '192.0.2.1', 0);
  await expect(elsewhere).rejects.toThrow(/^cannot listen on 192\.0\.2\.1:0: .*EADDRNOTAVAIL/);
});
