/** Why a device's or subscriber's connection failed, as one line that says what to do. */
import type { TunnelError } from '../client/index.ts';
import { closes } from '../codes.ts';
import { environment, type HubListener } from './connection.ts';
import { refusalIn } from './explaining-socket.ts';
import { CliFailure, Exit } from './failure.ts';
import { notTheHub, unreachable } from './unreachable.ts';

export interface Attempt {
  readonly url: URL;
  readonly listener: HubListener;
  /** What it connects as; absent: what the listener is for. */
  readonly role?: 'gateway';
  /** '' for none. */
  readonly token: string;
}

/** A failure that waiting does not fix; undefined for any other. */
export async function lasting(
  { message }: { readonly message: string },
  attempt: Attempt,
): Promise<CliFailure | undefined> {
  const refusal = refusalIn(message);
  if (refusal === undefined) return unreachable(attempt.url, message);
  const { status, words } = refusal;
  switch (status) {
    case '401':
      return new CliFailure(Exit.denied, tokenHint(attempt, words));
    case '403':
      return new CliFailure(Exit.denied, forbidden(attempt, words));
    case '400':
      if (words === '') break;
      return new CliFailure(Exit.failed, `the hub refused the connection: ${words}`);
    case '404':
    case '426':
    case '200':
      break;
    default:
      return undefined;
  }
  return notTheHub(attempt.url, attempt.listener);
}

/** @param words the hub's, '' for none */
function tokenHint({ listener, role, token }: Attempt, words: string): string {
  const refused = `the hub did not accept the token${words && ` (${words})`}`;
  const what = token === '' ? 'the hub wants a token' : refused;
  return `${what}; set DAT_TOKEN to one from: ${createToken(role ?? listener)}`;
}

/** It may be about the token or about the address: the hub checks the Host where it asks for no token. */
function forbidden({ token }: Attempt, words: string): string {
  const what = `the hub refused the connection${words && `: ${words}`}`;
  return token === '' ? what : `${what}; see what the token says with "dat token inspect"`;
}

/** The command that makes a token. @param role of the token */
export function createToken(role: HubListener | 'gateway'): string {
  // The secret of the hub, where it is not set already.
  const secret = environment('DAT_AUTH_JWT_SECRET') === '' ? 'DAT_AUTH_JWT_SECRET=… ' : '';
  return `${secret}dat token create --role ${role} --sub ID`;
}

/** The first connection of a command that needs one failed. */
export async function notConnected(error: TunnelError, attempt: Attempt): Promise<CliFailure> {
  const failure = new CliFailure(Exit.unavailable, `cannot connect: ${error.message}`);
  return (await lasting(error, attempt)) ?? failure;
}

/** The hub ended the connection for good. @param said the hub's last error, '' for none */
export function closedFailure(error: TunnelError, said = ''): CliFailure {
  const isDenied = error.hubCode === closes.badToken.code || error.hubCode === closes.denied.code;
  const why = said === '' ? error.message : `${error.message}: ${said}`;
  return new CliFailure(isDenied ? Exit.denied : Exit.failed, `the hub ended the connection: ${why}`);
}
