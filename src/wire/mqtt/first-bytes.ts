/**
 * What is said to a client whose connection is refused before it is read any further: how CONNACK is written is in the
 * first bytes of CONNECT. Pure.
 */
import { PacketType, type Version } from './constants.ts';
import { connackRefused } from './encode.ts';
import { FIXED_HEADER_BYTES_MAX } from './limits.ts';
import { type ConnectRefusal, connectRefusals } from './reasons.ts';

/** The protocol's name behind its length. */
const NAME = Buffer.from('\0\x04MQTT');
const NOTHING = new Uint8Array(0);

/**
 * The CONNACK has no reason string: whether the client takes one that long is not read.
 * @param sent what has come of the connection
 * @returns undefined while more must come; empty when it is no CONNECT that can be answered
 */
export function connackFor(sent: Uint8Array, refusal: ConnectRefusal): Uint8Array | undefined {
  const version = versionIn(sent);
  if (version === undefined) return undefined;
  return version === 0 ? NOTHING : connackRefused(version, connectRefusals[refusal], '');
}

/** @returns undefined while more must come; 0 for anything but a CONNECT of a known version */
function versionIn(sent: Uint8Array): Version | 0 | undefined {
  const [head] = sent;
  if (head === undefined) return undefined;
  if (head !== PacketType.connect << 4) return 0;
  const name = sent.findIndex((byte, at) => at > 0 && byte < 0x80) + 1; // behind the remaining length
  if (name === 0) return sent.length < FIXED_HEADER_BYTES_MAX ? undefined : 0;
  if (name > FIXED_HEADER_BYTES_MAX) return 0;
  for (let at = 0; at < NAME.length; at++) {
    const byte = sent[name + at];
    if (byte !== NAME[at]) return byte === undefined ? undefined : 0;
  }
  const level = sent[name + NAME.length];
  return level === undefined || level === 4 || level === 5 ? level : 0;
}
