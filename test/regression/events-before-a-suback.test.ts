/**
 * Events may reach an MQTT client before its SUBACK: of many devices, the first are followed long before the last. One
 * whose events are adapted to it (subscription identifiers, No Local) lost them, the retained ones after SUBACK, too.
 */
import { describe, expect, it } from 'vitest';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const ids = Array.from({ length: 20 }, (_, n) => `dev-${n}`);
/** A page ends after some of the devices. */
const QUEUE_BYTES = 1000;
const UNREAD_BYTES = 100_000; // no reason to be slow

interface Wanted {
  readonly filter: string;
  readonly nl?: boolean;
  readonly identifier?: number;
}

/** A client that subscribes while all devices are there, and reads nothing for now. */
async function subscribing(wanted: readonly Wanted[]) {
  const hub = new OneThreadHub({ owner: { sendQueueMaxBytes: QUEUE_BYTES } });
  const devices = new Map<string, Awaited<ReturnType<OneThreadHub['peer']>>>();
  for (const id of ids) devices.set(id, await hub.peer('device', id));
  const client = await Client.in(hub, 's');
  const subscribe = async ({ filter, nl = false, identifier }: Wanted, messageId: number) => {
    client.send({
      ...{ cmd: 'subscribe', messageId },
      subscriptions: [{ topic: filter, qos: 0, nl, rap: false, rh: 0 }],
      ...(identifier === undefined ? {} : { properties: { subscriptionIdentifier: identifier } }),
    });
    await hub.settle();
  };
  for (const [at, one] of wanted.slice(0, -1).entries()) await subscribe(one, 1 + at);
  client.said();
  client.socket.queued = UNREAD_BYTES;
  await subscribe(wanted.at(-1)!, 99);
  /** @returns what the client is told, in short */
  const said = (): string[] =>
    client.said().map((packet) => {
      if (packet.cmd !== 'publish') return packet.cmd;
      const { subscriptionIdentifier: identifiers } = packet.properties ?? {};
      return `${packet.retain ? '!' : ''}${packet.topic.split('/')[1]} ${packet.payload} ${identifiers ?? '-'}`;
    });
  const send = async (id: string, data: unknown): Promise<string[]> => {
    devices.get(id)!.say({ type: 'message', data });
    await hub.settle();
    return said();
  };
  const readAll = async (): Promise<string[]> => {
    client.socket.queued = 0;
    for (let page = 0; page < ids.length; page++) {
      client.socket.session.writable();
      await hub.settle();
    }
    return said();
  };
  return { hub, client, send, readAll };
}

const FIRST = 'dev-0';

describe('before its SUBACK, a client gets the events of devices that are followed already', () => {
  it.each<{ wanted: Wanted[]; event: string }>([
    { wanted: [{ filter: 'devices/+/message' }], event: 'dev-0 1 -' },
    { wanted: [{ filter: 'devices/+/message', identifier: 7 }], event: 'dev-0 1 7' },
    { wanted: [{ filter: 'devices/+/message', nl: true }], event: 'dev-0 1 -' },
  ])('as adapted to it: $wanted', async ({ wanted, event }) => {
    const { send, readAll } = await subscribing(wanted);
    expect(await send(FIRST, 1)).toEqual([event]);
    const rest = await readAll();
    expect(rest[0]).toBe('suback');
    expect(rest.filter((one) => one.includes(FIRST))).toEqual([]);
  });

  it('with the identifier of a subscription that is to be replaced, until it is', async () => {
    const filter = 'devices/+/message';
    const { send, readAll } = await subscribing([
      { filter, identifier: 7 },
      { filter, identifier: 8 },
    ]);
    expect(await send(FIRST, 1)).toEqual(['dev-0 1 7']);
    await readAll();
    expect(await send(FIRST, 2)).toEqual(['dev-0 2 8']);
  });

  it('with those of all that match', async () => {
    const { send } = await subscribing([
      { filter: 'devices/dev-0/message', identifier: 7 },
      { filter: 'devices/+/message', identifier: 8 },
    ]);
    expect(await send(FIRST, 1)).toEqual(['dev-0 1 7,8']);
  });
});
