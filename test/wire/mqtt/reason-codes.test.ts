import { describe, expect, it } from 'vitest';
import { PacketType } from '../../../src/wire/mqtt/constants.ts';
import { hasReason } from '../../../src/wire/mqtt/reason-codes.ts';

const listed = (type: number): number[] =>
  Array.from({ length: 256 }, (_, code) => code).filter((code) => hasReason(type, code));

describe('reason codes', () => {
  it.each([PacketType.puback, PacketType.pubrec])('of packet type %i', (type) => {
    expect(listed(type)).toEqual([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);
  });

  it.each([PacketType.pubrel, PacketType.pubcomp])('of packet type %i', (type) => {
    expect(listed(type)).toEqual([0x00, 0x92]);
  });

  it('of DISCONNECT: those of clients, of servers and of both', () => {
    const clients = [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
    const servers = [0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f];
    const alsoServers = Array.from({ length: 9 }, (_, i) => 0x9a + i);
    const all = [...clients, ...servers, ...alsoServers].sort((a, b) => a - b);
    expect(listed(PacketType.disconnect)).toEqual(all);
  });

  it('of a packet that carries none', () => {
    expect(listed(PacketType.pingreq)).toEqual([]);
  });
});
