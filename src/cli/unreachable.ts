/** Why a listener cannot be used, as one line that says what to do. */
import type { Listener } from './connection.ts';
import { CliFailure, Exit } from './failure.ts';

export function noHub(url: URL): CliFailure {
  const message = `no hub answers at ${shownUrl(url)}; start one with "dat serve", or pass its address with --…-url`;
  return new CliFailure(Exit.unavailable, message);
}

/** @param code of Node or OpenSSL */
export function untrusted(url: URL, code: string): CliFailure {
  const fix =
    'set NODE_EXTRA_CA_CERTS=FILE to its certificate or its issuer, or check the scheme and the port';
  return new CliFailure(
    Exit.unavailable,
    `${shownUrl(url)} has no TLS certificate that this host trusts (${code}); ${fix}`,
  );
}

/** Something answers there, but not this listener of a hub. */
export function notTheHub(url: URL, listener: Listener): CliFailure {
  return new CliFailure(Exit.unavailable, `${shownUrl(url)} is not the ${listener} listener of a hub`);
}

export function shownUrl({ protocol, host }: URL): string {
  return `${protocol}//${host}`;
}
