/** A client's Maximum Packet Size holds for CONNACK too, which used to be sent whatever its client had said. */
import mqttPacket from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { closes } from '../../src/codes.ts';
import { Peer } from '../wire/mqtt/fake-host.ts';

/** @returns what a client of that Maximum Packet Size gets, and its peer */
function connect(maximumPacketSize: number, clientId: string): { peer: Peer; bytes: number } {
  const peer = new Peer();
  const connect = { cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clientId, clean: true } as const;
  const properties = { maximumPacketSize };
  peer.session.receive(mqttPacket.generate({ ...connect, keepalive: 60, properties }), peer.clock.now());
  return { peer, bytes: Buffer.concat(peer.host.written).length };
}

describe('a CONNACK larger than its client accepts', () => {
  it.each(['dev-1', ''])('refuses the client instead, in as few bytes as it accepts (id %j)', (clientId) => {
    const whole = connect(0xffff, clientId).bytes;
    expect(connect(whole, clientId).peer.session.isOpen).toBe(true);
    for (const size of [1, 4, 5, whole - 1]) {
      const { peer, bytes } = connect(size, clientId);
      expect(bytes).toBeLessThanOrEqual(size);
      expect(peer.said()).toMatchObject(size < 5 ? [] : [{ cmd: 'connack', reasonCode: 0x95 }]);
      const reason = `maximum packet size ${size}; expected at least ${whole}`;
      expect(peer.host.ended).toEqual({ code: closes.badFrame.code, reason });
      expect(peer.host.joins).toEqual([]);
    }
  });
});
