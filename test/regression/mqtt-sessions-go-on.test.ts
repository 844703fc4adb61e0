/** What a client of MQTT subscribed to stays subscribed to, whatever becomes of it in the hub. */
import { describe, expect, it } from 'vitest';
import { ToOwner } from '../../src/records/commands.ts';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const connect = { clean: false, properties: { sessionExpiryInterval: 60 } };

async function say(hub: OneThreadHub, device: string, data: unknown): Promise<void> {
  (await hub.peer('device', device)).say({ type: 'message', data });
  await hub.settle();
}

describe('a subscription of MQTT', () => {
  it('goes on in 3.1.1 where it was made in 5 with an identifier, and the other way round', async () => {
    const hub = new OneThreadHub();
    const first = await Client.in(hub, 's', { connect });
    first.send({
      ...{ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'devices/dev/message', qos: 0 }] },
      properties: { subscriptionIdentifier: 5 },
    });
    await hub.settle();
    first.disconnect();
    await hub.settle();
    const second = await Client.in(hub, 's', { version: 4, connect: { clean: false } });
    await say(hub, 'dev', { a: 1 });
    expect(second.events()).toEqual(['devices/dev/message {"a":1}']);
    second.socket.end();
    await hub.settle();
    const third = await Client.in(hub, 's', { connect });
    await say(hub, 'dev', { a: 2 });
    expect(third.said()).toMatchObject([{ cmd: 'publish', properties: { subscriptionIdentifier: 5 } }]);
  });

  it('outlives its device, which an operator terminates', async () => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 's', { connect });
    await client.subscribe('devices/dev/message', 'devices/other/message');
    await hub.peer('device', 'dev');
    hub.operate({ kind: ToOwner.Terminate, device: 'dev' });
    await hub.settle();
    await say(hub, 'dev', 'back');
    expect(client.events()).toEqual(['devices/dev/message "back"']);
    await client.unsubscribe('devices/other/message');
    hub.operate({ kind: ToOwner.Terminate, device: 'other' });
    await hub.settle();
    await say(hub, 'other', 'back');
    expect(client.events()).toEqual(['unsuback']);
  });

  it('to the presence of a device tells that it was terminated, and that it is back', async () => {
    const hub = new OneThreadHub();
    const filter = await Client.in(hub, 'filter');
    const device = await Client.in(hub, 'device');
    await filter.subscribe('devices/+/presence');
    await device.subscribe('devices/dev/presence', 'devices/dev/message');
    await hub.peer('device', 'dev');
    hub.operate({ kind: ToOwner.Terminate, device: 'dev' });
    await hub.settle();
    await hub.peer('device', 'dev');
    const online = '{"state":"online","reason":"connected"}';
    const told = [online, '{"state":"offline","reason":"closed"}', online];
    for (const client of [filter, device])
      expect(client.events().map((event) => event.replace('!', ''))).toEqual(
        told.map((state) => `devices/dev/presence ${state}`),
      );
  });

  it('is there when its client is back, whatever an operator did meanwhile', async () => {
    const hub = new OneThreadHub();
    const client = await Client.in(hub, 's', { connect });
    await client.subscribe('devices/terminated/message', 'devices/denied/message', 'devices/now/message');
    client.disconnect();
    await hub.settle();
    hub.operate({ kind: ToOwner.Terminate, device: 'terminated' });
    const pair = { kind: ToOwner.SetRow, subscriber: 's', vip: undefined } as const;
    for (const device of ['denied', 'now']) hub.operate({ ...pair, device, status: 'deny' });
    hub.operate({ kind: ToOwner.RemoveRow, device: 'denied', subscriber: 's' });
    const again = await Client.in(hub, 's', { connect });
    for (const device of ['terminated', 'denied', 'now']) await say(hub, device, 1);
    expect(again.events()).toEqual(['devices/terminated/message 1', 'devices/denied/message 1']);
  });

  it.each(['allow', 'remove'] as const)(
    'that was denied ends as one of the hub’s own protocol does, though an operator lifts that: %s',
    async (lifts) => {
      const hub = new OneThreadHub();
      const topics = ['devices/dev/message', 'devices/+/message'];
      const own = await hub.peer('subscriber', 'own-id');
      const ownFilter = await hub.peer('subscriber', 'own-filter');
      own.say({ op: 'subscribe', devices: ['dev'] });
      ownFilter.say({ op: 'subscribe', devices: ['*'] });
      const [byId, byFilter] = [await Client.in(hub, 'id', { connect }), await Client.in(hub, 'filter')];
      await byId.subscribe(topics[0]!);
      await byFilter.subscribe(topics[1]!);
      await say(hub, 'dev', 1);
      const heard = (): unknown => {
        const events = (socket: typeof own): number =>
          socket.sent.splice(0).filter((frame) => `${frame}`.includes('"type":"message"')).length;
        const live = (client: Client): number =>
          client.events().filter((event) => event.startsWith('devices/')).length; // the others are retained
        return [events(own), live(byId), events(ownFilter), live(byFilter)];
      };
      expect(heard()).toEqual([1, 1, 1, 1]);
      for (const subscriber of ['own-id', 'id', 'own-filter', 'filter']) {
        const pair = { device: 'dev', subscriber };
        hub.operate({ kind: ToOwner.SetRow, ...pair, status: 'deny', vip: undefined });
        if (lifts === 'remove') hub.operate({ kind: ToOwner.RemoveRow, ...pair });
        else hub.operate({ kind: ToOwner.SetRow, ...pair, status: 'allow', vip: undefined });
      }
      await hub.settle();
      await say(hub, 'dev', 2);
      expect(heard()).toEqual([0, 0, 1, 1]);
      own.say({ op: 'subscribe', devices: ['dev'] });
      await byId.subscribe(topics[0]!);
      await say(hub, 'dev', 3);
      expect(heard()).toEqual([1, 1, 1, 1]);
    },
  );
});
