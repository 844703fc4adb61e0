/** Sends answers as their client takes them: in its version, with reasons only where it wants them, none too large. */
import { acknowledgement, acknowledgementWithReason, disconnect } from './encode.ts';
import type { Client } from './handshake.ts';
import type { MqttHost } from './host.ts';

/** Whether the client takes a packet of that size. */
export function accepts({ packetBytesMax }: Client, packet: Uint8Array): boolean {
  return packetBytesMax === 0 || packet.length <= packetBytesMax;
}

/** Sends a PUBACK, PUBREC or PUBCOMP. */
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
 * Sends what `make` makes, without its message where that is not wanted or does not fit.
 * @returns false when the client takes neither
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

/** Tells a client of MQTT 5 why its connection ends; 3.1.1 has no way to. */
export function sayWhy(host: MqttHost, client: Client, reason: number, message: string): void {
  if (client.version === 4) return;
  const packet = disconnect(reason, message);
  host.write(accepts(client, packet) ? packet : disconnect(reason, ''));
}
