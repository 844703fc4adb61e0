/** The hub's codes, as the codes that MQTT 5 allows in each packet. */
import { describe, expect, it } from 'vitest';
import { closes, errors } from '../../../src/codes.ts';
import {
  connectRefusals,
  disconnectReasonOf,
  filterReasonOf,
  publishReasonOf,
} from '../../../src/wire/mqtt/reasons.ts';

/** Of the specification's tables 3-1, 3-4, 3-8 and 3-10. */
const allowed = {
  connack: [
    0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99, 0x9f,
  ],
  puback: [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  suback: [0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
  disconnect: [0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98],
};

describe('a code of the hub', () => {
  it.each(Object.entries(closes))('that ends a connection has a reason in DISCONNECT: %s', (_, { code }) => {
    expect(allowed.disconnect).toContain(disconnectReasonOf(code));
  });

  it.each(Object.entries(errors))(
    'that refuses has a reason in SUBACK, PUBACK and PUBREC: %s',
    (_, { code }) => {
      expect(allowed.suback).toContain(filterReasonOf(code));
      expect(allowed.puback).toContain(publishReasonOf(code));
    },
  );

  it.each(Object.entries(connectRefusals))('that turns away has a reason in CONNACK: %s', (_, reason) => {
    expect(allowed.connack).toContain(reason);
  });
});
