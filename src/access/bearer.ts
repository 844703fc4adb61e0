/** The token of an `Authorization` header (RFC 6750, 2.1); undefined when the header is another or none. */
export function bearerOf(header: string): string | undefined {
  return /^bearer +(\S+) *$/i.exec(header)?.[1];
}
