/** Adapts events for clients that cannot get the same packet as all others of their version. */
import type { MqttSession } from '../../wire/mqtt/session.ts';

/**
 * @param packet a PUBLISH as it was encoded for the client's version
 * @returns the event as this client is to get it; undefined: not at all
 */
export function adaptTo(session: MqttSession, packet: Uint8Array): Uint8Array | undefined {
  let at = 1;
  while (packet[at]! >= 0x80) at += 1;
  const topicStart = at + 3;
  const topicBytes = (packet[at + 1]! << 8) | packet[at + 2]!;
  const topic = Buffer.from(packet.buffer, packet.byteOffset + topicStart, topicBytes).toString('utf8');
  const located = session.layout.locate(topic);
  if (located === undefined) return undefined;
  return session.adapt(packet, 2 + topicBytes, located.device, located.kind);
}
