/** Section 6: the drain. The other close codes are tested where their cause is. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { admin } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type Env, type HubProcess, startHub } from '../support/hub-process.ts';
import { Device, Subscriber } from '../support/peers.ts';
import { Opcode, RawPeer, upgradeAnswer } from '../support/raw-peer.ts';
import { calm, type MatrixRow, numbersFrom } from './harness.ts';

interface Peers {
  readonly devices: readonly Device[];
  readonly subscribers: readonly Subscriber[];
  readonly all: readonly (Device | Subscriber)[];
}

/** A hub of the test's own. */
async function hubOfItsOwn(env: Env): Promise<HubProcess> {
  const hub = await startHub({ ...calm, ...env });
  onTestFinished(() => hub.kill());
  return hub;
}

/** That many devices, each with a subscriber. */
async function connectPeers(hub: HubProcess, count: number): Promise<Peers> {
  const numbers = numbersFrom(1, count);
  const devices = await Promise.all(numbers.map((n) => Device.connect(hub.devicePort, `?id=dev-${n}`)));
  await Promise.all(devices.map((device) => device.welcome())); // so no subscriber is told that one is online
  const subscribers = await Promise.all(
    numbers.map((n) => Subscriber.connect(hub.subscriberPort, `?id=sub-${n}&devices=dev-${n}`)),
  );
  await Promise.all(subscribers.map((subscriber) => subscriber.subscribedByUrl()));
  const all = [...devices, ...subscribers];
  onTestFinished(async () => {
    await Promise.all(all.map((peer) => peer.drop()));
  });
  return { devices, subscribers, all };
}

export function closing({ env }: MatrixRow): void {
  describe('the drain', () => {
    it.each(['SIGTERM', 'SIGINT'] as const)(
      'after %s tells every peer, closes it with 4200 and exits 0',
      async (signal) => {
        const hub = await hubOfItsOwn(env);
        const { all } = await connectPeers(hub, 5);
        hub.signal(signal);
        for (const peer of all) {
          const { reconnectAfterMs } = await peer.frames.next(({ op }) => op === 'draining');
          expect(reconnectAfterMs).toBeTypeOf('number');
          expect(reconnectAfterMs).toBeGreaterThanOrEqual(0);
          expect((await peer.closed).code).toBe(4200);
          expect(peer.frames.all.at(-1)?.op).toBe('draining');
        }
        expect(await hub.ended).toMatchObject({ code: 0, signal: null });
      },
    );

    it('spreads out when the peers shall come back', async () => {
      const hub = await hubOfItsOwn(env);
      const { all } = await connectPeers(hub, 10);
      hub.signal('SIGTERM');
      const frames = await Promise.all(all.map((peer) => peer.frames.next(({ op }) => op === 'draining')));
      expect(new Set(frames.map(({ reconnectAfterMs }) => reconnectAfterMs)).size).toBeGreaterThan(1);
      expect((await hub.ended).code).toBe(0);
    });

    it('exits 0 when nobody is connected', async () => {
      const hub = await hubOfItsOwn(env);
      hub.signal('SIGTERM');
      expect(await hub.ended).toMatchObject({ code: 0, signal: null });
    });

    it('turns readiness and upgrades to 503 while it lasts, and a second signal ends it at once', async () => {
      const hub = await hubOfItsOwn({ ...env, DAT_DRAIN_RATE: '1', DAT_DRAIN_TIMEOUT_MS: '300000' });
      const { all } = await connectPeers(hub, 20);
      expect((await admin(hub.adminPort, 'GET', '/readyz')).status).toBe(200);
      hub.signal('SIGTERM');
      await Promise.all(all.map((peer) => peer.frames.next(({ op }) => op === 'draining')));
      expect((await admin(hub.adminPort, 'GET', '/readyz')).status).toBe(503);
      expect((await admin(hub.adminPort, 'GET', '/livez')).status).toBe(200);
      expect((await upgradeAnswer(hub.devicePort, '/v1/device?id=late')).status).toBe(503);
      expect((await upgradeAnswer(hub.subscriberPort, '/v1/subscribe?id=late')).status).toBe(503);
      hub.signal('SIGTERM');
      expect(await hub.ended).toMatchObject({ signal: 'SIGTERM' });
      const codes = await Promise.all(all.map(async (peer) => (await peer.closed).code));
      expect(codes.filter((code) => code !== 4200).length).toBeGreaterThan(0);
    });

    it('closes at most DAT_DRAIN_RATE peers per second', async () => {
      const hub = await hubOfItsOwn({ ...env, DAT_DRAIN_RATE: '10', DAT_DRAIN_TIMEOUT_MS: '60000' });
      const { all } = await connectPeers(hub, 8);
      const startMs = performance.now();
      hub.signal('SIGTERM');
      for (const peer of all) expect((await peer.closed).code).toBe(4200);
      expect((await hub.ended).code).toBe(0);
      // 16 closes at 10 a second; a slow machine takes longer, none is quicker.
      expect(performance.now() - startMs).toBeGreaterThan(1000);
    });

    it('closes everyone who is left when DAT_DRAIN_TIMEOUT_MS is over', async () => {
      const hub = await hubOfItsOwn({ ...env, DAT_DRAIN_RATE: '1', DAT_DRAIN_TIMEOUT_MS: '300' });
      const { all } = await connectPeers(hub, 20);
      hub.signal('SIGTERM');
      for (const peer of all) expect((await peer.closed).code).toBe(4200);
      expect((await hub.ended).code).toBe(0);
    });

    it('does not wait for peers that never answer the close', async () => {
      const hub = await hubOfItsOwn({ ...env, DAT_DRAIN_TIMEOUT_MS: '300' });
      const device = await RawPeer.open(hub.devicePort, '/v1/device?id=deaf');
      const subscriber = await RawPeer.open(hub.subscriberPort, '/v1/subscribe?id=deaf');
      hub.signal('SIGTERM');
      for (const peer of [device, subscriber]) {
        const close = await peer.frames.next(({ opcode }) => opcode === Opcode.close);
        expect(close.payload.readUInt16BE(0)).toBe(4200);
      }
      expect(await hub.ended).toMatchObject({ code: 0, signal: null });
    });

    it('exits 0 in the middle of traffic', async () => {
      const hub = await hubOfItsOwn(env);
      const { devices, subscribers } = await connectPeers(hub, 4);
      const send = (): void => {
        for (const device of devices) for (let n = 0; n < 20; n++) device.send({ type: 'message', data: n });
      };
      // Reads before it sends: one that stood still would write to a connection that the hub has ended, and not see why.
      const busy = setInterval(() => setImmediate(send), 2);
      onTestFinished(() => clearInterval(busy));
      await eventually('traffic flows', () =>
        subscribers.every((subscriber) => subscriber.events().length > 100),
      );
      hub.signal('SIGTERM');
      for (const peer of subscribers) expect((await peer.closed).code).toBe(4200);
      for (const peer of devices) expect((await peer.closed).code).toBe(4200);
      expect(await hub.ended).toMatchObject({ code: 0, signal: null });
    });

    it('does not take a subscriber that leaves by itself amiss', async () => {
      const hub = await hubOfItsOwn({ ...env, DAT_DRAIN_RATE: '20' });
      const { all } = await connectPeers(hub, 5);
      const left = all.map(async (peer) => {
        await peer.frames.next(({ op }) => op === 'draining');
        await peer.drop();
      });
      hub.signal('SIGTERM');
      await Promise.all(left);
      expect(await hub.ended).toMatchObject({ code: 0, signal: null });
    });
  });
}
