/**
 * A request that names a filter waits in the owner until the pages of an earlier one are through. The edge counted it as
 * work of the owner meanwhile, and so asked for no further page: neither came, and no other subscriber of the thread had
 * room for a request of its own.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HubProcess, startHub } from '../support/hub-process.ts';
import { Gateway, Subscriber } from '../support/peers.ts';

const DEVICES = 1500;
let hub: HubProcess;

beforeAll(async () => {
  hub = await startHub({ DAT_FANOUT_WORKERS: '1', DAT_DEVICE_RATE: '0' });
  const gateway = await Gateway.connect(hub.devicePort, '?id=gw-1');
  for (let n = 1; n <= DEVICES; n++) gateway.send({ device: `dev-${n}`, type: 'message', data: n, id: n });
  await gateway.frames.next(({ id }) => id === DEVICES);
});
afterAll(() => hub?.stop());

describe('A request that names a filter while pages of another are on their way', () => {
  it.each([
    { op: 'unsubscribe', devices: ['*'] },
    { op: 'subscribe', devices: ['dev-*'] },
  ])('is answered after them: $op', async ({ op, devices }) => {
    const subscriber = await Subscriber.connect(hub.subscriberPort, `?id=s-${op}`);
    await subscriber.welcome();
    subscriber.send({ op: 'subscribe', id: 'first', devices: ['*'] });
    await subscriber.frames.next(({ id }) => id === 'first');
    subscriber.send({ op, id: 'second', devices });
    await subscriber.frames.next(({ filter, more }) => filter === '*' && more === false);
    expect(await subscriber.frames.next(({ id }) => id === 'second')).toMatchObject({ op: `${op}d` });
    await subscriber.close();
  });
});
