/** The header of the PROXY protocol, version 2: tells the listener behind a front whose connection it gets. */

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const VERSION_AND_COMMAND = 0x21; // version 2, PROXY
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
const HEAD_BYTES = 16;
const PORTS_BYTES = 4;

export interface TcpEndpoint {
  /** The bytes of an address of IPv4 or IPv6. */
  readonly address: readonly number[];
  readonly port: number;
}

/** The destination is left out (zeros): nobody asks for it. */
export function proxyHeader(from: TcpEndpoint): Buffer {
  const addressBytes = from.address.length;
  const header = Buffer.alloc(HEAD_BYTES + 2 * addressBytes + PORTS_BYTES);
  SIGNATURE.copy(header);
  header.writeUInt8(VERSION_AND_COMMAND, 12);
  header.writeUInt8(addressBytes === 4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6, 13);
  header.writeUInt16BE(2 * addressBytes + PORTS_BYTES, 14);
  header.set(from.address, HEAD_BYTES);
  header.writeUInt16BE(from.port, HEAD_BYTES + 2 * addressBytes);
  return header;
}
