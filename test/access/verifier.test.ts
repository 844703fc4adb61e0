import { afterEach, describe, expect, it } from 'vitest';
import { readTokenConfig, type TokenConfig, type TokenSettings } from '../../src/access/keys.ts';
import { PatternSet } from '../../src/access/pattern-set.ts';
import { Verifier } from '../../src/access/verifier.ts';
import { KeyError } from '../../src/key-error.ts';
import { TOKEN_CHARACTERS_MAX } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { KeyServer, keyPair, SECRET, tokenFor } from '../support/tokens.ts';

const none: TokenConfig = { secret: '', publicKey: '', jwksUrl: '', audience: '', issuer: '' };
const withSecret: TokenConfig = { ...none, secret: SECRET };
const claims = { sub: 'dev-1', role: 'device' };

function verify(config: TokenConfig, token: string, wallNow = () => Date.now()) {
  return new Verifier(config, wallNow).verify(token);
}

/** A token's parts, changed and put together again without a new signature. */
function forged(token: string, header: object): string {
  const [, payload, signature] = token.split('.');
  return [Buffer.from(JSON.stringify(header)).toString('base64url'), payload, signature].join('.');
}

describe('a verifier', () => {
  it('takes a token of the shared secret and says who it is', async () => {
    const token = await tokenFor({
      sub: 'sub-1',
      role: 'subscriber',
      devices: ['a', 'b-*'],
      vip: true,
    });
    expect(await verify(withSecret, token)).toEqual({
      ok: true,
      actor: { role: 'subscriber', id: 'sub-1', devices: new PatternSet(['a', 'b-*']), vip: true },
      expiresAt: undefined,
    });
  });

  it.each(['RS256', 'ES256', 'EdDSA'])('takes a token of a public key for %s', async (algorithm) => {
    const pair = await keyPair(algorithm);
    const token = await tokenFor(claims, { algorithm }, pair.privateKey);
    const config = { ...none, publicKey: pair.publicPem };
    expect(await verify(config, token)).toMatchObject({ ok: true, actor: { role: 'device', id: 'dev-1' } });
    const other = await keyPair(algorithm);
    expect(await verify({ ...none, publicKey: other.publicPem }, token)).toMatchObject({
      ok: false,
      status: 401,
    });
  });

  it('does not let a token choose its algorithm: the public key is no shared secret', async () => {
    const { publicPem } = await keyPair('RS256');
    const token = await tokenFor(claims, {}, Buffer.from(publicPem));
    expect(await verify({ ...none, publicKey: publicPem }, token)).toMatchObject({ ok: false, status: 401 });
    expect(await verify({ ...withSecret, publicKey: publicPem }, token)).toMatchObject({
      ok: false,
      status: 401,
    });
  });

  it('takes a token of any of its keys', async () => {
    const pair = await keyPair('ES256');
    const config = { ...withSecret, publicKey: pair.publicPem };
    expect(await verify(config, await tokenFor(claims))).toMatchObject({ ok: true });
    const token = await tokenFor(claims, { algorithm: 'ES256' }, pair.privateKey);
    expect(await verify(config, token)).toMatchObject({ ok: true });
  });

  it('refuses an unsigned, a forged, a cut and a strange token', async () => {
    const token = await tokenFor(claims);
    const bad = [
      forged(token, { alg: 'none' }).replace(/[^.]*$/, ''),
      forged(token, { alg: 'HS512' }),
      forged(token, { alg: 'HS256', crit: ['x'], x: 1 }),
      forged(token, {}),
      token.slice(0, -2),
      `${token}A`,
      token.replace('.', ''),
      `${token}.`,
      'x',
      '..',
      'x'.repeat(9000),
      await tokenFor(claims, {}, Buffer.from('another-secret-of-32-characters-at-least')),
      await tokenFor(claims, { algorithm: 'HS512' }),
    ];
    for (const one of bad)
      expect(await verify(withSecret, one), one.slice(0, 60)).toMatchObject({ ok: false, status: 401 });
  });

  it.each([
    [{ role: 'device' }, /sub/],
    [{ sub: 'a b', role: 'device' }, /sub is not an id/],
    [{ sub: '', role: 'device' }, /sub is not an id/],
    [{ sub: 's', role: 7 }, /role/],
    [{ sub: 's', role: 'subscriber', devices: 'dev-1' }, /devices/],
    [{ sub: 's', role: 'subscriber', devices: ['a', 7] }, /devices/],
    [{ sub: 's', role: 'subscriber', devices: ['a*b'] }, /devices/],
    [{ sub: 's', role: 'subscriber', devices: null }, /devices/],
    [{ sub: 's', role: 'subscriber', vip: 'yes' }, /vip/],
  ])('refuses the claims %j rather than read them as absent', async (wrong, message) => {
    const verified = await verify(withSecret, await tokenFor(wrong as never));
    expect(verified).toMatchObject({ ok: false, status: 401 });
    if (!verified.ok) expect(verified.message).toMatch(message);
  });

  it('says in words why it refuses', async () => {
    const config = { ...withSecret, audience: 'dat' };
    const aud = await tokenFor({ ...claims, aud: 'other' });
    const strange = await tokenFor(claims, {}, Buffer.from('another-secret-of-32-characters-at-least'));
    const messages = [
      'x'.repeat(TOKEN_CHARACTERS_MAX + 1),
      'x'.repeat(TOKEN_CHARACTERS_MAX),
      aud,
      strange,
    ].map(async (token) => verify(config, token));
    expect(await Promise.all(messages)).toEqual(
      [
        `the token is longer than ${TOKEN_CHARACTERS_MAX} characters`,
        'this hub does not accept the token',
        "the token's aud is not accepted",
        'this hub does not accept the token',
      ].map((message) => ({ ok: false, status: 401, message })),
    );
  });

  it('lets the key that fits the signature say why, whichever comes first', async () => {
    const pair = await keyPair('ES256');
    const config = { ...withSecret, publicKey: pair.publicPem };
    const expired = { ...claims, exp: 1_000_000_000 };
    const said = { ok: false, status: 401, message: 'the token has expired' };
    expect(await verify(config, await tokenFor(expired))).toEqual(said);
    expect(await verify(config, await tokenFor(expired, { algorithm: 'ES256' }, pair.privateKey))).toEqual(
      said,
    );
  });

  it('knows no role but its own three', async () => {
    for (const role of ['operator', 'Device', undefined]) {
      const verified = await verify(
        withSecret,
        await tokenFor({ sub: 's', ...(role === undefined ? {} : { role }) }),
      );
      expect(verified).toMatchObject({ ok: true, actor: { role: undefined } });
    }
  });

  it('takes no token from its exp on, and one up to 30 s before its nbf', async () => {
    const now = 1_764_000_000_000;
    const at = (seconds: number) => verify(withSecret, token, () => now + seconds * 1e3);
    const token = await tokenFor({ ...claims, exp: now / 1e3, nbf: now / 1e3 - 60 });
    expect(await at(-1)).toMatchObject({ ok: true, expiresAt: now });
    for (const late of [0, 29, 31])
      expect(await at(late)).toEqual({ ok: false, status: 401, message: 'the token has expired' });
    expect(await at(-89)).toMatchObject({ ok: true });
    expect(await at(-91)).toMatchObject({ ok: false, status: 401 });
  });

  it('checks audience and issuer where they are configured', async () => {
    const config = { ...withSecret, audience: 'dat', issuer: 'https://issuer.example' };
    const good = { ...claims, aud: ['other', 'dat'], iss: 'https://issuer.example' };
    expect(await verify(config, await tokenFor(good))).toMatchObject({ ok: true });
    for (const wrong of [
      { aud: 'other' },
      { aud: undefined },
      { iss: 'https://other.example' },
      { iss: undefined },
    ]) {
      const verified = await verify(config, await tokenFor({ ...good, ...wrong } as never));
      expect(verified).toMatchObject({ ok: false, status: 401 });
    }
    expect(await verify(withSecret, await tokenFor({ ...claims, aud: 'any', iss: 'any' }))).toMatchObject({
      ok: true,
    });
  });
});

describe('a verifier with a key set', () => {
  let server: KeyServer | undefined;
  afterEach(async () => {
    await server?.stop();
    server = undefined;
  });

  it('finds the key by its id, asks for the set once, and again only after the cool-down', async () => {
    const rsa = await keyPair('RS256', 'rsa');
    const ec = await keyPair('ES256', 'ec');
    server = new KeyServer([rsa.publicJwk, ec.publicJwk]);
    const verifier = new Verifier({ ...none, jwksUrl: await server.start() }, () => Date.now());
    const good = [
      await tokenFor(claims, { algorithm: 'RS256', keyId: 'rsa' }, rsa.privateKey),
      await tokenFor(claims, { algorithm: 'ES256', keyId: 'ec' }, ec.privateKey),
    ];
    for (const token of [...good, ...good]) expect(await verifier.verify(token)).toMatchObject({ ok: true });
    const bad = [
      await tokenFor(claims, { algorithm: 'RS256', keyId: 'unknown' }, rsa.privateKey),
      await tokenFor(claims, { algorithm: 'RS256', keyId: 'ec' }, rsa.privateKey),
      await tokenFor(claims, { algorithm: 'HS256', keyId: 'rsa' }),
      await tokenFor(claims, {}, Buffer.from(rsa.publicPem)),
    ];
    for (const token of [...bad, ...bad])
      expect(await verifier.verify(token)).toMatchObject({ ok: false, status: 401 });
    expect(server.requests).toBe(1);
  });

  it('takes a token that names no key where one of the set fits, and none where several do', async () => {
    const [one, other, ec] = [
      await keyPair('RS256', 'one'),
      await keyPair('RS256', 'other'),
      await keyPair('ES256', 'ec'),
    ];
    server = new KeyServer([one.publicJwk, other.publicJwk, ec.publicJwk]);
    const verifier = new Verifier({ ...none, jwksUrl: await server.start() }, () => Date.now());
    const unnamed = await tokenFor(claims, { algorithm: 'RS256' }, one.privateKey);
    expect(await verifier.verify(unnamed)).toMatchObject({ ok: false, status: 401 });
    const named = await tokenFor(claims, { algorithm: 'RS256', keyId: 'one' }, one.privateKey);
    expect(await verifier.verify(named)).toMatchObject({ ok: true });
    const only = await tokenFor(claims, { algorithm: 'ES256' }, ec.privateKey);
    expect(await verifier.verify(only)).toMatchObject({ ok: true });
  });

  it('says 503 while the keys cannot be had, whatever the token', async () => {
    const { publicJwk, privateKey } = await keyPair('EdDSA');
    server = new KeyServer([publicJwk]);
    const verifier = new Verifier({ ...none, jwksUrl: await server.start() }, () => Date.now());
    const token = await tokenFor(claims, { algorithm: 'EdDSA', keyId: 'key-1' }, privateKey);
    server.isUp = false;
    expect(await verifier.verify(token)).toMatchObject({ ok: false, status: 503 });
    server.isUp = true;
    await eventually('the set is asked for again', async () => (await verifier.verify(token)).ok);
  });
});

describe('the file of the public key', () => {
  const settings: TokenSettings = {
    authJwtSecret: '',
    authJwtPublicKeyFile: 'key.pem',
    authJwksUrl: '',
    authJwtAudience: '',
    authJwtIssuer: '',
  };
  const read = (content: string) => () => readTokenConfig(settings, () => content);

  it('is refused in words when it cannot be used', async () => {
    expect(read('')).toThrow(KeyError);
    expect(read('')).toThrow(/contains no public key/);
    expect(read('-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----')).toThrow(/private key/);
    const p384 = await keyPair('ES384');
    expect(read(p384.publicPem)).toThrow(/expected RSA, EC P-256 or Ed25519/);
    const missing = () =>
      readTokenConfig(settings, () => {
        throw Object.assign(new Error('x'), { code: 'ENOENT' });
      });
    expect(missing).toThrow(/no such file/);
  });

  it('is read once, at start', async () => {
    const { publicPem } = await keyPair('ES256');
    expect(read(publicPem)()).toMatchObject({ publicKey: publicPem, secret: '' });
    expect(readTokenConfig({ ...settings, authJwtPublicKeyFile: '' }, () => '')).toBeUndefined();
  });
});
