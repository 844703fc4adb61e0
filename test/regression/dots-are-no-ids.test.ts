/**
 * `..` was an id, and whoever builds a URL of it asks for another: removing the pair of `..` and a subscriber became
 * `DELETE /v1/subscribers/victim`, which kicked the subscriber and dropped its denials.
 */
import { describe, expect, it } from 'vitest';
import { useHub } from '../conformance/harness.ts';
import { admin } from '../support/admin.ts';
import { RawPeer } from '../support/raw-peer.ts';

describe('the ids . and ..', () => {
  const hub = useHub({ DAT_TRANSPORT: 'ws' });

  it('are those of nobody, so no operator can name them in a URL', async () => {
    const victim = await hub.subscriber({ id: 'victim' });
    for (const id of ['.', '..']) {
      for (const path of [`/v1/devices/${id}/subscribers/victim`, `/v1/devices/victim/subscribers/${id}`]) {
        const peer = await RawPeer.connect(hub.process.adminPort);
        const { status } = await peer.ask([`DELETE ${path} HTTP/1.1`, 'Host: 127.0.0.1']);
        expect(status, path).toBe(400);
        peer.destroy();
      }
      const rules = [{ device: id, subscriber: '*', access: 'deny' }];
      expect(
        (await admin(hub.process.adminPort, 'PUT', '/v1/access/rules', { body: { rules } })).status,
      ).toBe(400);
    }
    expect(await victim.list()).toEqual({});
  });
});
