/** Why a listener cannot be used, as one line that says what to do. */
import { isSecure } from './address.ts';
import type { HubListener } from './connection.ts';
import { CliFailure, Exit } from './failure.ts';
import { probe } from './probe.ts';

const REFUSED = /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/;
const NOT_TLS = /EPROTO|WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|wrong version number/;
const UNTRUSTED = /CERT|certificate/;

/**
 * Why there is no connection. Looks at the address where the failure itself does not tell.
 * @param failure code and message of Node or OpenSSL
 * @returns undefined where the address looks as it should
 */
export async function unreachable(url: URL, failure: string): Promise<CliFailure | undefined> {
  if (REFUSED.test(failure)) return noHub(url);
  if (isSecure(url)) {
    if (NOT_TLS.test(failure)) return wrongScheme(url, 'does not speak TLS');
    return UNTRUSTED.test(failure) ? untrusted(url, failure) : undefined;
  }
  const found = await probe(url);
  if (found === 'closed') return noHub(url);
  return found === 'tls' ? wrongScheme(url, 'speaks TLS only') : undefined;
}

function noHub(url: URL): CliFailure {
  const message = `no hub answers at ${shownUrl(url)}; start one with "dat serve", or pass its address with --…-url`;
  return new CliFailure(Exit.unavailable, message);
}

function untrusted(url: URL, failure: string): CliFailure {
  const fix = 'set NODE_EXTRA_CA_CERTS=FILE to that certificate or its issuer';
  return new CliFailure(
    Exit.unavailable,
    `this host does not trust the certificate of ${shownUrl(url)} (${failure}); ${fix}`,
  );
}

function wrongScheme(url: URL, what: string): CliFailure {
  const other = new URL(url);
  other.protocol = isSecure(url) ? url.protocol.replace('s:', ':') : url.protocol.replace(':', 's:');
  return new CliFailure(Exit.unavailable, `${shownUrl(url)} ${what}; use ${shownUrl(other)}`);
}

/** Something answers there, but not this listener of a hub. */
export function notTheHub(url: URL, listener: HubListener): CliFailure {
  return new CliFailure(Exit.unavailable, `${shownUrl(url)} is not the ${listener} listener of a hub`);
}

function shownUrl({ protocol, host }: URL): string {
  return `${protocol}//${host}`;
}
