import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { givenTokens } from '../../../src/cli/bench/given-tokens.ts';
import { signToken, type TokenClaims } from '../../../src/cli/signing.ts';
import { temporaryDirectory } from '../../support/temporary.ts';

const signed = (claims: Partial<TokenClaims>): Promise<string> =>
  signToken({ key: Buffer.from('x'.repeat(32)), alg: 'HS256' }, claims as TokenClaims, 60);
const idsOf = (tokens: Awaited<ReturnType<typeof givenTokens>>) => [
  tokens!.device.map(({ id }) => id),
  tokens!.subscriber.map(({ id }) => id),
];

describe('tokens that somebody else signed', () => {
  it('make a peer each, by role, in their order', async () => {
    const token = await Promise.all([
      signed({ role: 'subscriber', sub: 'wall' }),
      signed({ role: 'device', sub: 'pump-1' }),
      signed({ role: 'device', sub: 'wall' }),
    ]);
    const given = await givenTokens({ token });
    expect(idsOf(given)).toEqual([['pump-1', 'wall'], ['wall']]);
    expect(given!.device[0]!.token).toBe(token[1]);
  });

  it('come from options and from the lines of a file', async () => {
    const file = join(temporaryDirectory(), 'tokens');
    writeFileSync(
      file,
      `  ${await signed({ role: 'device', sub: 'b' })}\r\n\n${await signed({ role: 'device', sub: 'c' })}`,
    );
    const token = [await signed({ role: 'device', sub: 'a' })];
    expect(idsOf(await givenTokens({ token, tokenFile: file }))).toEqual([['a', 'b', 'c'], []]);
    expect(idsOf(await givenTokens({ tokenFile: file }))).toEqual([['b', 'c'], []]);
    expect(await givenTokens({})).toBeUndefined();
  });

  it('are refused with what is wrong', async () => {
    const device = await signed({ role: 'device', sub: 'a' });
    const failing = async (...token: string[]): Promise<string> =>
      givenTokens({ token }).then(String, (error: Error) => error.message);
    expect(await failing('secret')).toBe(
      'the token is no JWT: three parts of base64url with dots between them',
    );
    expect(await failing(device, await signed({ role: 'admin', sub: 'b' }))).toBe(
      'token 2 of 2 has the role "admin": expected device or subscriber',
    );
    expect(await failing(await signed({ role: 'device', sub: '' }))).toBe(
      'the token names nobody: expected an id in "sub"',
    );
    expect(await failing(device, device)).toBe(
      'token 2 of 2 is of device a, who has one already: a token makes one peer',
    );
    await expect(givenTokens({ tokenFile: '/nowhere/tokens' })).rejects.toThrow(
      '--token-file /nowhere/tokens: no such file',
    );
  });
});
