/** Which reason codes MQTT 5 lists for the packets that clients send. */
import { PacketType } from './constants.ts';

const ofPublish: ReadonlySet<number> = new Set([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);
const ofRelease: ReadonlySet<number> = new Set([0x00, 0x92]);

/** By packet type: tables 3-4, 3-5, 3-6, 3-7 and 3-10. Those of DISCONNECT that only servers send are harmless. */
const codes: Readonly<Record<number, ReadonlySet<number>>> = {
  [PacketType.puback]: ofPublish,
  [PacketType.pubrec]: ofPublish,
  [PacketType.pubrel]: ofRelease,
  [PacketType.pubcomp]: ofRelease,
  [PacketType.disconnect]: new Set([
    ...[0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96],
    ...[0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2],
  ]),
};

/** @returns whether a packet of this type may carry the code; false for one that carries none */
export function hasReason(type: number, code: number): boolean {
  return codes[type]?.has(code) === true;
}
