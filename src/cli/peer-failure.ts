/** Why a device's or subscriber's connection failed, as one line that says what to do. */
import type { TunnelError } from '../client/index.ts';
import { closes } from '../codes.ts';
import type { Listener } from './connection.ts';
import { CliFailure, Exit } from './failure.ts';
import { noHub, notTheHub, untrusted } from './unreachable.ts';

/** A failure that waiting does not mend; undefined for any other. */
export function lasting({ message }: TunnelError, url: URL, listener: Listener): CliFailure | undefined {
  switch (/server response: (\d{3})/.exec(message)?.[1]) {
    case '401':
      return new CliFailure(Exit.denied, 'the hub wants a token, or did not accept this one; set DAT_TOKEN');
    case '403':
      return new CliFailure(
        Exit.denied,
        'the token is for another id or role; see what it says with "dat token inspect"',
      );
    case '400':
    case '404':
    case '426':
    case '200':
      return notTheHub(url, listener);
  }
  if (/ECONNREFUSED|ENOTFOUND|EHOSTUNREACH/.test(message)) return noHub(url);
  return /certificate|CERT_|SSL|EPROTO/.test(message) ? untrusted(url, message) : undefined;
}

/** The first connection of a command that needs one failed. */
export function notConnected(error: TunnelError, url: URL, listener: Listener): CliFailure {
  const isPlain = url.protocol === 'ws:' && error.message.includes('socket hang up');
  const hint = isPlain ? '; a hub with TLS wants wss://' : '';
  const failure = new CliFailure(Exit.unavailable, `cannot connect: ${error.message}${hint}`);
  return lasting(error, url, listener) ?? failure;
}

/** The hub ended the connection for good. @param said the hub's last error, '' for none */
export function closedFailure(error: TunnelError, said = ''): CliFailure {
  const isDenied = error.hubCode === closes.badToken.code || error.hubCode === closes.denied.code;
  const why = said === '' ? error.message : `${error.message}: ${said}`;
  return new CliFailure(isDenied ? Exit.denied : Exit.failed, `the hub ended the connection: ${why}`);
}
