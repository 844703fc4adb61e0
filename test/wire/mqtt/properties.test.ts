import { describe, expect, it } from 'vitest';
import { Property, Reason } from '../../../src/wire/mqtt/constants.ts';
import { Carrier, createProperties, readProperties } from '../../../src/wire/mqtt/properties.ts';
import { Reader } from '../../../src/wire/mqtt/reader.ts';

/** Each property with a good value, and the packets of a client that may carry it (MQTT 5, table 2-4). */
const properties: readonly [
  name: keyof typeof Property,
  value: number[],
  ...carriers: (keyof typeof Carrier)[],
][] = [
  ['payloadFormat', [1], 'publish', 'will'],
  ['messageExpiry', [0, 0, 0, 9], 'publish', 'will'],
  ['contentType', [0, 1, 0x61], 'publish', 'will'],
  ['responseTopic', [0, 1, 0x61], 'publish', 'will'],
  ['correlationData', [0, 1, 0xff], 'publish', 'will'],
  ['subscriptionIdentifier', [0x80, 1], 'subscribe'],
  ['sessionExpiry', [0, 0, 1, 0], 'connect', 'disconnect'],
  ['assignedClientId', [0, 1, 0x61]],
  ['serverKeepAlive', [0, 1]],
  ['authenticationMethod', [0, 1, 0x61], 'connect'],
  ['requestProblemInformation', [0], 'connect'],
  ['willDelay', [0, 0, 0, 5], 'will'],
  ['requestResponseInformation', [1], 'connect'],
  ['reasonString', [0, 1, 0x61], 'acknowledgement', 'disconnect'],
  ['receiveMaximum', [0, 1], 'connect'],
  ['topicAliasMaximum', [0, 0], 'connect'],
  ['topicAlias', [0, 7], 'publish'],
  ['maximumPacketSize', [0, 0, 1, 0], 'connect'],
  ['sharedSubscriptionAvailable', [1]],
];
const carriers = Object.keys(Carrier) as (keyof typeof Carrier)[];
const into = createProperties();

function read(carrier: keyof typeof Carrier, ...bytes: number[]): number {
  const reader = new Reader();
  const packet = Uint8Array.from([bytes.length, ...bytes, 0xee]);
  reader.open(packet, 0, packet.length);
  const reason = readProperties(reader, Carrier[carrier], into);
  if (reason === 0) expect(reader.at).toBe(packet.length - 1);
  return reason;
}

describe('a property', () => {
  it.each(properties)('is accepted in its packets only: %s', (name, value, ...allowed) => {
    for (const carrier of carriers) {
      const reason = read(carrier, Property[name], ...value);
      // PUBLISH has subscription identifiers, but only from a server.
      const isServers = name === 'subscriptionIdentifier' && carrier === 'publish';
      const expected = isServers ? Reason.protocolError : Reason.malformedPacket;
      expect(reason, carrier).toBe(allowed.includes(carrier) ? 0 : expected);
    }
  });

  it.each(properties.filter(([, , carrier]) => carrier !== undefined))(
    'is refused if repeated or truncated: %s',
    (name, value, carrier = 'connect') => {
      const bytes = [Property[name], ...value];
      expect(read(carrier, ...bytes, ...bytes)).toBe(Reason.protocolError);
      for (let length = 1; length < bytes.length; length++)
        expect(read(carrier, ...bytes.slice(0, length)), `${length} bytes`).toBe(Reason.malformedPacket);
    },
  );

  it('of the user may be repeated', () => {
    const user = [Property.userProperty, 0, 1, 0x61, 0, 1, 0x62];
    for (const carrier of carriers) expect(read(carrier, ...user, ...user, ...user)).toBe(0);
    expect(read('connect', Property.userProperty, 0, 1, 0x61, 0, 1, 0xff)).toBe(Reason.malformedPacket);
  });

  it('is decoded if the hub uses it', () => {
    read(
      'connect',
      ...[Property.sessionExpiry, 0, 0, 1, 0],
      ...[Property.maximumPacketSize, 0, 1, 0, 0],
      ...[Property.requestProblemInformation, 0],
    );
    expect(into).toMatchObject({
      sessionExpiry: 256,
      hasSessionExpiry: true,
      maximumPacketSize: 65_536,
      wantsProblemInformation: false,
      willDelay: -1,
    });
    read('publish');
    expect(into).toEqual(createProperties());
  });
});
