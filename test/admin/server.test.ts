import { Agent, get } from 'node:http';
import { describe, expect, it } from 'vitest';
import { startAdmin } from '../../src/admin/server.ts';
import { ListenError } from '../../src/transport/transport.ts';
import { FakeHub, fakeHub } from './fake-hub.ts';

const optionsAt = (host: string, port: number) => ({
  host,
  port,
  adminToken: '',
  allowedOrigins: [],
  allowedHosts: [],
  maxMessageBytes: 65536,
});

describe('startAdmin', () => {
  it('takes any free port for port 0', async () => {
    const [one, other] = [await fakeHub(), await fakeHub()];
    expect(one.port).toBeGreaterThan(0);
    expect(other.port).not.toBe(one.port);
  });

  it('says in one line which address is taken', async () => {
    const { port } = await fakeHub();
    const start = startAdmin(optionsAt('127.0.0.1', port), new FakeHub().deps);
    const error = await start.then(
      () => undefined,
      (failure: unknown) => failure,
    );
    expect(error).toBeInstanceOf(ListenError);
    expect((error as Error).message).toBe(`cannot listen on 127.0.0.1:${port}: the port is in use`);
  });

  it('says in one line which address this host does not have', async () => {
    const start = startAdmin(optionsAt('192.0.2.1', 7402), new FakeHub().deps);
    await expect(start).rejects.toThrow(/^cannot listen on 192\.0\.2\.1:7402: [^\n]+$/);
    await expect(start).rejects.toBeInstanceOf(ListenError);
  });
});

describe('close', () => {
  it('does not wait for a connection that its client keeps alive', async () => {
    const hub = await fakeHub();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await new Promise<void>((resolve, reject) => {
      get({ port: hub.port, host: '127.0.0.1', path: '/livez', agent }, (response) => {
        response.resume().on('end', resolve);
      }).on('error', reject);
    });
    await hub.close(); // or else only once the connection has been idle for longer than this test may take
    agent.destroy();
  });

  it('does not wait for a request that the owner never answers', async () => {
    const hub = await fakeHub();
    const asked = new Promise<void>((resolve) => {
      hub.answer = () => {
        resolve();
        return new Promise(() => {});
      };
    });
    const answer = hub.ask('DELETE', '/v1/devices/d').catch((error: unknown) => error);
    await asked;
    await hub.close();
    expect(await answer).toBeInstanceOf(TypeError);
  });

  it('answers nobody afterwards', async () => {
    const hub = await fakeHub();
    const { port } = hub;
    await hub.close();
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
  });
});
