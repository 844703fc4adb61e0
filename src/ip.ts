/** Addresses in text form. Pure; any thread. */
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * An IPv4 address inside IPv6 is the IPv4 address.
 * @param text without brackets; IPv4 with four decimal parts only
 * @returns undefined when it is no address
 */
function parseAddress(text: string): Address | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  if (!ipaddr.IPv6.isValid(text)) return undefined;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address;
}

/** Whether only this machine reaches the host. Of names only `localhost` is one. */
export function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || parseAddress(host)?.range() === 'loopback';
}

/**
 * The part of an address that limits count by: all of IPv4, and the first 64 bits of IPv6, which is what one host is
 * given. Whatever is no address is one network.
 */
export function networkOf(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) return '';
  if (address.kind() === 'ipv4') return address.toString();
  return (address as ipaddr.IPv6).parts.slice(0, 4).join(':');
}

/** The bytes of an address, 4 or 16; of what is no address those of `0.0.0.0`. */
export function addressBytes(text: string): readonly number[] {
  return parseAddress(text)?.toByteArray() ?? [0, 0, 0, 0];
}
