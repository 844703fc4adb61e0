/** Where the connection of a URL goes, as `node:net` and `node:tls` want it. */
import { isIP } from 'node:net';

/** Where a URL names no port. */
const ports: Readonly<Record<string, number>> = {
  'ws:': 80,
  'http:': 80,
  'wss:': 443,
  'https:': 443,
  'mqtt:': 1883,
  'mqtts:': 8883,
};

export interface Address {
  readonly host: string;
  readonly port: number;
  /** For TLS: a name is asked for by name, an IP address is not (RFC 6066). */
  readonly servername?: string;
}

/** @param url of one of the schemes above */
export function addressOf({ hostname, port, protocol }: URL): Address {
  const host = hostname.replace(/^\[|\]$/g, ''); // of an IPv6 address
  return { host, port: Number(port) || ports[protocol]!, ...(isIP(host) === 0 && { servername: host }) };
}

export const isSecure = ({ protocol }: URL): boolean => ['wss:', 'https:', 'mqtts:'].includes(protocol);
