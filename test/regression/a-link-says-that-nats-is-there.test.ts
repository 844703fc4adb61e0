/**
 * A link that was opened anew, because its owner had died, did not say that NATS is there. When the one before it had
 * ended while NATS was away, the hub took itself for disconnected for ever: operators' changes were refused. One that NATS
 * refused for a moment was never opened again, nor one whose messages it did not carry for a moment. And one that was told to end while it connected stayed in the cluster.
 */
import { connect, errors, type NatsConnection } from '@nats-io/transport-node';
import { expect, it, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { createLinkCounts } from '../../src/cluster/figures.ts';
import type { ClusterHost } from '../../src/cluster/host.ts';
import { ClusterLink, type LinkOptions } from '../../src/cluster/link.ts';

vi.mock('@nats-io/transport-node', async (original) => ({
  ...(await original<object>()),
  connect: vi.fn(),
}));

function fakeNats() {
  const nats = {
    info: { max_payload: 1024 * 1024 },
    subscribe: vi.fn(),
    publish: vi.fn(),
    status: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }),
    isClosed: () => false,
    isDraining: () => false,
    drain: vi.fn(async () => {}),
    close: vi.fn(async () => {}),
  };
  vi.mocked(connect).mockResolvedValue(nats as unknown as NatsConnection);
  return nats;
}

function options(more: Partial<LinkOptions>): LinkOptions {
  const figures = { devices: 0, subscribers: 0, eventsPerSecond: 0, draining: false };
  return {
    servers: ['nats://127.0.0.1:4222'],
    credsFile: undefined,
    tls: {},
    cluster: 'test',
    node: 'a',
    version: '1.0.0',
    timeoutMs: 5000,
    replicas: 1,
    maxMessageBytes: 65_536,
    stopped: new AbortController().signal,
    isReopened: false,
    clock: systemClock,
    host: { figures: () => figures } as unknown as ClusterHost,
    figures: createLinkCounts(),
    snapshot: [],
    log: () => {},
    connectedChanged: () => {},
    ...more,
  };
}

it('a link that opens says that NATS is there', async () => {
  fakeNats();
  const connectedChanged = vi.fn();
  const link = await ClusterLink.open(options({ connectedChanged }));
  expect(connectedChanged.mock.calls).toEqual([[true]]);
  await link.close();
});

it('a link that is told to end while it connects is in no cluster', async () => {
  const nats = fakeNats();
  const ending = new AbortController();
  const opening = ClusterLink.open(options({ stopped: ending.signal }));
  ending.abort();
  await expect(opening).rejects.toThrow('stopped');
  expect(nats.close).toHaveBeenCalled();
  expect(nats.subscribe).not.toHaveBeenCalled();
});

it('a link that is opened anew waits until NATS takes it, as in a restart without its accounts', async () => {
  fakeNats();
  const refusal = new errors.AuthorizationError('Authorization Violation');
  vi.mocked(connect).mockRejectedValueOnce(refusal);
  await expect(ClusterLink.open(options({}))).rejects.toThrow(refusal);
  vi.mocked(connect).mockRejectedValueOnce(refusal);
  const link = await ClusterLink.open(options({ isReopened: true }));
  await link.close();
});

it('a link that is opened anew waits until NATS carries its messages', async () => {
  const nats = fakeNats();
  const narrow = { ...nats, info: { max_payload: 70_000 } } as unknown as NatsConnection;
  const wants = { maxMessageBytes: 100_000 };
  vi.mocked(connect).mockResolvedValueOnce(narrow);
  await expect(ClusterLink.open(options(wants))).rejects.toThrow('DAT_MAX_MESSAGE_BYTES');
  expect(nats.close).toHaveBeenCalledTimes(1);
  vi.mocked(connect).mockResolvedValueOnce(narrow);
  const link = await ClusterLink.open(options({ ...wants, isReopened: true }));
  expect(nats.close).toHaveBeenCalledTimes(2);
  await link.close();
});
