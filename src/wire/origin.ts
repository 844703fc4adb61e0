/** Decides which web pages may connect. Every listener asks this before it admits a peer. */

/**
 * Whether a request with this `Origin` header may go on.
 * @param origin `''` when the peer sent none: not a browser, which is always let in
 * @param host the request's `Host` header
 * @param allowed exact origins; empty: only pages that the listener's own host served
 */
export function originAllowed(origin: string, host: string, allowed: readonly string[]): boolean {
  if (origin === '') return true;
  if (allowed.length > 0) return allowed.includes(origin);
  return hostOf(origin) === host.toLowerCase() && host !== '';
}

/** Host and port of an origin as a browser writes it in the Host header; undefined when it is no web origin. */
function hostOf(origin: string): string | undefined {
  if (!URL.canParse(origin)) return undefined;
  const url = new URL(origin);
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:';
  return isWeb && url.origin === origin ? url.host : undefined;
}
