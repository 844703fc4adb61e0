/** MQTT clients of a whole hub in one thread: what they are in it, what they get, and what is left of them. */
import { describe, expect, it } from 'vitest';
import { OneThreadHub } from '../one-thread-hub.ts';
import { Client } from './mqtt-client.ts';

describe('an event of an MQTT device', () => {
  it('reaches subscribers of both protocols, and is acknowledged once the owner has it', async () => {
    const hub = new OneThreadHub();
    const json = await hub.peer('subscriber', 's-1', '&devices=dev-1');
    const mqtt = await Client.in(hub, 's-2');
    expect(await mqtt.subscribe('devices/dev-1/#')).toEqual([0]);
    const device = await Client.in(hub, 'dev-1');
    device.publish('devices/dev-1/message', '{"t":1}', 1);
    expect(device.said()).toEqual([]);
    await hub.settle();
    expect(device.said()).toMatchObject([{ cmd: 'puback', messageId: 1 }]);
    expect(mqtt.events()).toEqual([
      'devices/dev-1/presence {"state":"online","reason":"connected"}',
      'devices/dev-1/message {"t":1}',
    ]);
    expect(json.frames().at(-1)).toMatchObject({ op: 'event', device: 'dev-1', data: { t: 1 } });
  });
});
