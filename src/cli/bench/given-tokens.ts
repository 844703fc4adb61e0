/** Tokens that somebody else signed: each makes a peer with the role and the id that it names. */
import { readFileSync } from 'node:fs';
import { CliFailure, Exit } from '../failure.ts';
import type { SpeakerRole } from './wires/wire.ts';

export interface GivenToken {
  /** Its `sub`. */
  readonly id: string;
  readonly token: string;
}

export type GivenTokens = Readonly<Record<SpeakerRole, readonly GivenToken[]>>;

export interface TokenOptions {
  readonly token?: readonly string[];
  readonly tokenFile?: string;
}

/**
 * Reads what the options name. Signatures and times are for the hub to check.
 * @returns undefined when no token is given
 * @throws CliFailure for text that is no token, a role that the bench does not play, and a second token of one peer
 */
export async function givenTokens(options: TokenOptions): Promise<GivenTokens | undefined> {
  const { token = [], tokenFile } = options;
  const texts = [...token, ...(tokenFile === undefined ? [] : linesOf(tokenFile))];
  if (token.length === 0 && tokenFile === undefined) return undefined;
  const { decodeJwt } = await import('jose');
  const given = { device: new Map<string, GivenToken>(), subscriber: new Map<string, GivenToken>() };
  for (const [index, text] of texts.entries()) {
    const which = texts.length === 1 ? 'the token' : `token ${index + 1} of ${texts.length}`;
    let claims: Record<string, unknown>;
    try {
      claims = decodeJwt(text);
    } catch {
      throw new CliFailure(Exit.usage, `${which} is no JWT: three parts of base64url with dots between them`);
    }
    const { role, sub } = claims;
    if (role !== 'device' && role !== 'subscriber')
      throw new CliFailure(
        Exit.usage,
        `${which} has the role ${JSON.stringify(role)}: expected device or subscriber`,
      );
    if (typeof sub !== 'string' || sub === '')
      throw new CliFailure(Exit.usage, `${which} names nobody: expected an id in "sub"`);
    if (given[role].has(sub))
      throw new CliFailure(
        Exit.usage,
        `${which} is of ${role} ${sub}, who has one already: a token makes one peer`,
      );
    given[role].set(sub, { id: sub, token: text });
  }
  return { device: [...given.device.values()], subscriber: [...given.subscriber.values()] };
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((text) => text.trim() || []);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliFailure(
      Exit.config,
      `--token-file ${file}: ${code === 'ENOENT' ? 'no such file' : message}`,
    );
  }
}
