/** What MQTT 5 gives a field no room for ends the connection, as any other protocol error does. */
import mqttPacket, { type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { Client } from '../edge/mqtt/mqtt-client.ts';
import { OneThreadHub } from '../edge/one-thread-hub.ts';

const PROTOCOL_ERROR = 0x82;
const hex = (bytes: string): Buffer => Buffer.from(bytes.replaceAll(' ', ''), 'hex');

/** What a client hears that has sent these bytes, beside its CONNACK. */
async function answers(...packets: readonly (Buffer | Packet)[]): Promise<readonly Packet[]> {
  const client = await Client.in(new OneThreadHub(), 'd');
  const bytes = packets.map((one) =>
    Buffer.isBuffer(one) ? one : mqttPacket.generate(one, { protocolVersion: 5 }),
  );
  client.socket.receive(Buffer.concat(bytes));
  await client.hub.settle();
  return client.said();
}

const ended = [{ cmd: 'disconnect', reasonCode: PROTOCOL_ERROR }];

describe('a reason code that MQTT 5 does not list for its packet', () => {
  it.each([
    ['PUBACK', '40 03 0001 92'],
    ['PUBREC', '50 03 0001 55'],
    ['PUBREL', '62 03 0001 10'],
    ['PUBREL with properties', '62 04 0001 55 00'],
    ['PUBCOMP', '70 03 0001 80'],
    ['DISCONNECT', 'e0 01 55'],
    ['DISCONNECT with properties', 'e0 02 10 00'],
  ])('is a protocol error: %s', async (_, bytes) => {
    expect(await answers(hex(bytes))).toMatchObject(ended);
  });

  it.each([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99])(
    'is none of those of PUBACK and PUBREC: %i',
    async (reasonCode) => {
      const said = await answers(
        { cmd: 'puback', messageId: 1, reasonCode },
        { cmd: 'pubrec', messageId: 2, reasonCode },
        { cmd: 'pingreq' },
      );
      expect(said.at(-1)).toMatchObject({ cmd: 'pingresp' });
    },
  );

  it.each([0x00, 0x92])('is none of those of PUBREL and PUBCOMP: %i', async (reasonCode) => {
    const said = await answers(
      { cmd: 'pubrel', messageId: 1, reasonCode },
      { cmd: 'pubcomp', messageId: 2, reasonCode },
      { cmd: 'pingreq' },
    );
    expect(said).toMatchObject([{ cmd: 'pubcomp', reasonCode: 0x92 }, { cmd: 'pingresp' }]);
  });

  it.each([0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99])(
    'is none of those of DISCONNECT: %i',
    async (reasonCode) => {
      expect(await answers({ cmd: 'disconnect', reasonCode })).toEqual([]);
    },
  );
});

describe('an empty response topic', () => {
  it('is a protocol error in PUBLISH', async () => {
    const topic = Buffer.from('devices/d/message').toString('hex');
    expect(await answers(hex(`30 17 0011 ${topic} 03 08 0000`))).toMatchObject(ended);
  });

  it('is a protocol error in a will', async () => {
    const client = await Client.open(new OneThreadHub());
    const topic = Buffer.from('devices/d/message').toString('hex');
    client.socket.receive(hex(`10 27 0004 4d515454 05 06 003c 00 0001 64 03 080000 0011 ${topic} 0000`));
    await client.hub.settle();
    expect(client.said()).toMatchObject([{ cmd: 'connack', reasonCode: PROTOCOL_ERROR }]);
  });
});
