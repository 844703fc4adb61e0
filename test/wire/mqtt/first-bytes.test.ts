/** What a client is told that is refused before it is read any further. */
import mqttPacket from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { connackFor } from '../../../src/wire/mqtt/first-bytes.ts';

function connect(protocolVersion: 4 | 5, clientId = 'dev-1'): Buffer {
  return mqttPacket.generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion, clientId, clean: true });
}

const NOTHING = new Uint8Array(0);

describe('the CONNACK of a connection that is refused', () => {
  it('says in 5 that a quota is exceeded, or that the hub is unavailable', () => {
    expect(connackFor(connect(5), 'quota')).toEqual(new Uint8Array([0x20, 3, 0, 0x97, 0]));
    expect(connackFor(connect(5), 'unavailable')).toEqual(new Uint8Array([0x20, 3, 0, 0x88, 0]));
  });

  it('says in 3.1.1 that the hub is unavailable', () => {
    expect(connackFor(connect(4), 'quota')).toEqual(new Uint8Array([0x20, 2, 0, 3]));
  });

  it.each([4, 5] as const)('waits for what tells the version, of %i', (version) => {
    const short = connect(version);
    const long = connect(version, 'x'.repeat(120));
    for (const [packet, head] of [
      [short, 2],
      [long, 3],
    ] as const) {
      const known = head + 7;
      for (let length = 0; length < known; length++)
        expect(connackFor(packet.subarray(0, length), 'quota')).toBeUndefined();
      expect(connackFor(packet.subarray(0, known), 'quota')?.length).toBe(version === 5 ? 5 : 4);
    }
  });

  it.each([
    ['another packet', Buffer.from([0xc0, 0])],
    ['CONNECT with flags', Buffer.from([0x11])],
    ['another protocol', Buffer.from([0x10, 12, 0, 6, 0x4d])],
    ['another version', Buffer.from('\x10\x0c\0\x04MQTT\x06', 'latin1')],
    ['a length without an end', Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80])],
    ['a length that is too long', Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80, 1])],
    ['HTTP', Buffer.from('GET / HTTP/1.1')],
  ])('is none for %s', (_what, sent) => {
    expect(connackFor(sent, 'quota')).toEqual(NOTHING);
  });
});
