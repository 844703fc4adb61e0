/** Why a device's or subscriber's connection failed, as one line that says what to do. */
import type { TunnelError } from '../client/index.ts';
import { closes } from '../codes.ts';
import { environment, type Listener } from './connection.ts';
import { CliFailure, Exit } from './failure.ts';
import { notTheHub, unreachable } from './unreachable.ts';

export interface Attempt {
  readonly url: URL;
  readonly listener: Listener;
  /** '' for none. */
  readonly token: string;
}

/** A failure that waiting does not mend; undefined for any other. */
export async function lasting(
  { message }: { readonly message: string },
  attempt: Attempt,
): Promise<CliFailure | undefined> {
  const [, status] = /server response: (\d{3})/.exec(message) ?? [];
  if (status === undefined) return unreachable(attempt.url, message);
  switch (status) {
    case '401':
      return new CliFailure(Exit.denied, tokenHint(attempt));
    case '403':
      return new CliFailure(
        Exit.denied,
        'the token is for another id or role; see what it says with "dat token inspect"',
      );
    case '400':
    case '404':
    case '426':
    case '200':
      return notTheHub(attempt.url, attempt.listener);
  }
  return undefined;
}

function tokenHint({ listener, token }: Attempt): string {
  const what = token === '' ? 'the hub wants a token' : 'the hub did not accept the token';
  return `${what}; set DAT_TOKEN to one from: ${createToken(listener)}`;
}

/** The command that makes a token. @param role of the token */
export function createToken(role: Listener): string {
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
