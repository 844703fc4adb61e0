/**
 * While NATS was away, an event that an operator published for a device of another node was taken by the node that was
 * asked: it made itself the device's home, and began a second numbering beside that of the device's connection.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AdminDeps } from '../../src/admin/deps.ts';
import { Numbering } from '../../src/presence/columns.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { FakeHub } from '../admin/fake-hub.ts';

let state: 'connected' | 'disconnected';
let hub: FakeHub;

beforeEach(async () => {
  state = 'disconnected';
  const cluster = {
    node: 'a',
    get state() {
      return state;
    },
    ask: async () => undefined, // no node says that the device is there
  };
  hub = new FakeHub({ cluster: cluster as unknown as NonNullable<AdminDeps['cluster']> });
  hub.answer = () => ({ ok: true, seq: 1 });
  await hub.start();
});
afterEach(() => hub.close());

const publish = (home: (typeof Numbering)[keyof typeof Numbering]) => {
  Atomics.store(hub.registry.devices.rows.home, hub.device('dev-1'), home);
  return hub.ask('POST', '/v1/devices/dev-1/events', { json: { type: 'message', data: 1 } });
};

describe('An event that an operator publishes while NATS is away', () => {
  it('is refused for a device that is not at home here', async () => {
    expect(await publish(Numbering.elsewhere)).toMatchObject({
      status: 503,
      body: { error: { code: 'unavailable' } },
    });
    expect(hub.commands).toEqual([]);
  });

  it('is published for one that is', async () => {
    expect(await publish(Numbering.here)).toMatchObject({ status: 200, body: { seq: 1 } });
    expect(hub.commands).toMatchObject([{ kind: ToOwner.Publish, device: 'dev-1' }]);
  });

  it('is published for a device without a home when NATS is there again', async () => {
    state = 'connected';
    expect(await publish(Numbering.elsewhere)).toMatchObject({ status: 200, body: { seq: 1 } });
  });
});
