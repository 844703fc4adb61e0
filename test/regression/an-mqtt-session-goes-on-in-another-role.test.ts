/**
 * A subscriber's session of MQTT is kept, and its client comes back with a token for another role. A gateway used to get
 * the events of the devices that it may speak for: only a subscriber follows others.
 */
import { expect, it } from 'vitest';
import { PatternSet } from '../../src/access/pattern-set.ts';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

it.each(['gateway', 'device'] as const)('a %s gets nothing of what the subscriber followed', async (role) => {
  const hub = new OneThreadHub({ historyBytes: 0 });
  hub.useTokens();
  hub.tokens.set('a-1', { sub: 'a-1', role: 'device' });
  const connect = (as: 'subscriber' | 'gateway' | 'device'): Promise<Client> => {
    hub.tokens.set('t', {
      sub: 'x',
      role: as,
      devices: as === 'device' ? undefined : new PatternSet(['a-*']),
    });
    const password = Buffer.from('t');
    const properties = { sessionExpiryInterval: 60 };
    return Client.in(hub, 'x', { connect: { clean: false, username: 'u', password, properties } });
  };
  const speak = async (): Promise<void> => {
    const socket = await hub.connect('device', 'id=a-1&token=a-1');
    if (!('receive' in socket)) throw new Error(socket.message);
    await hub.settle();
    socket.receive(JSON.stringify({ type: 'message', data: 1 }));
    await hub.settle();
  };

  const subscriber = await connect('subscriber');
  expect(await subscriber.subscribe('devices/+/message', 'devices/a-1/message')).toEqual([0, 0]);
  await speak();
  expect(subscriber.events()).toEqual(['devices/a-1/message 1']);
  subscriber.disconnect();
  await hub.settle();

  const other = await connect(role);
  other.said();
  await speak();
  expect(other.events()).toEqual([]);
});
