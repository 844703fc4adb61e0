/** Sends replies in the client's version, within its maximum packet size, with reason strings only if it wants them. */
import { acknowledgement, acknowledgementWithReason, disconnect } from './encode.ts';
import type { Client } from './handshake.ts';
import type { MqttHost } from './host.ts';

/** Whether the packet is within the client's maximum packet size. */
export function accepts({ packetBytesMax }: Client, packet: Uint8Array): boolean {
  return packetBytesMax === 0 || packet.length <= packetBytesMax;
}

/** No event exceeds this multiple of the hub's packet limit: clients that accept so much need no check per event. */
const EVENT_SIZES = 8;

/** Whether some event may be too large for the client. @param limit the largest packet that the hub accepts, bytes */
export function isNarrow({ packetBytesMax }: Client, limit: number): boolean {
  return packetBytesMax > 0 && packetBytesMax < EVENT_SIZES * limit;
}

/** Sends a PUBACK, PUBREC, PUBREL or PUBCOMP. */
export function acknowledge(
  host: MqttHost,
  client: Client,
  type: number,
  packetId: number,
  reason: number,
  message: string,
): void {
  const { version, wantsReasons } = client;
  if (message !== '' && wantsReasons && version === 5) {
    const packet = acknowledgementWithReason(type, packetId, reason, message);
    if (accepts(client, packet)) {
      host.write(packet);
      return;
    }
  }
  host.write(acknowledgement(type, version, packetId, reason));
}

/**
 * Sends the packet from `make`, without its message if that is unwanted or makes the packet too large.
 * @returns false when the packet is too large even without the message
 */
export function answer(
  host: MqttHost,
  client: Client,
  make: (message: string) => Uint8Array,
  message: string,
): boolean {
  const full = make(client.wantsReasons ? message : '');
  const packet = accepts(client, full) ? full : make('');
  const fits = accepts(client, packet);
  if (fits) host.write(packet);
  return fits;
}

/** Sends an MQTT 5 client the reason for closing. 3.1.1 has no such packet. */
export function sayWhy(host: MqttHost, client: Client, reason: number, message: string): void {
  if (client.version === 4) return;
  const packet = disconnect(reason, message);
  host.write(accepts(client, packet) ? packet : disconnect(reason, ''));
}
