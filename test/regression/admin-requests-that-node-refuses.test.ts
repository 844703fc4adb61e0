/**
 * Node itself refused two kinds of request with an empty body, before the admin listener saw them: a request of HTTP/1.1
 * without `Host`, which the contract has answered, and one with an expectation other than `100-continue`.
 */
import { describe, expect, it, onTestFinished } from 'vitest';
import { fakeHub } from '../admin/fake-hub.ts';
import { RawPeer } from '../support/raw-peer.ts';

async function ask(port: number, ...lines: readonly string[]) {
  const peer = await RawPeer.connect(port);
  onTestFinished(() => peer.destroy());
  return peer.ask(lines);
}

describe('the admin listener', () => {
  it.each(['HTTP/1.0', 'HTTP/1.1'])('answers a request of %s without a Host', async (version) => {
    const hub = await fakeHub();
    for (const path of ['/livez', '/readyz', '/metrics', '/v1/stats'])
      expect(await ask(hub.port, `GET ${path} ${version}`), path).toMatchObject({ status: 200 });
    const { status, body } = await ask(hub.port, `GET /v1/nope ${version}`);
    expect([status, JSON.parse(body)]).toMatchObject([404, { error: { code: 'not_found' } }]);
  });

  it('still asks for the token where there is no Host', async () => {
    const hub = await fakeHub({ options: { adminToken: 'secret' } });
    expect(await ask(hub.port, 'GET /v1/stats HTTP/1.1')).toMatchObject({ status: 401 });
  });

  it('goes on with a request that expects something else than 100-continue', async () => {
    const hub = await fakeHub();
    const lines = ['Host: localhost', 'Expect: something'];
    expect(await ask(hub.port, 'GET /v1/stats HTTP/1.1', ...lines)).toMatchObject({ status: 200 });
    const { status, body } = await ask(hub.port, 'GET /v1/nope HTTP/1.1', ...lines);
    expect([status, JSON.parse(body)]).toMatchObject([404, { error: { code: 'not_found' } }]);
  });
});
