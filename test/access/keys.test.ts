import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isAuthenticated, isShortSecret, keysOf, readTokenConfig } from '../../src/access/keys.ts';
import { settingsOf } from '../support/given-settings.ts';

describe('the shared secret', () => {
  const isShort = (secret: string) =>
    isShortSecret(settingsOf({ env: secret === '' ? {} : { DAT_AUTH_JWT_SECRET: secret } }));

  it('is short below 32 bytes', () => {
    expect([isShort('x'.repeat(31)), isShort('x'.repeat(32)), isShort('ü'.repeat(16))]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('is not short where there is none', () => expect(isShort('')).toBe(false));
});

const nothing = {
  authJwtSecret: '',
  authJwtPublicKeyFile: '',
  authJwksUrl: '',
  authJwtAudience: '',
  authJwtIssuer: '',
};
const FILE = 'the file of DAT_AUTH_JWT_PUBLIC_KEY_FILE';

describe('peers', () => {
  it('need a token as soon as one kind of key is there', () => {
    expect(isAuthenticated(nothing)).toBe(false);
    for (const one of ['authJwtSecret', 'authJwtPublicKeyFile', 'authJwksUrl'])
      expect(isAuthenticated({ ...nothing, [one]: 'x' }), one).toBe(true);
  });
});

describe('the configuration of tokens', () => {
  const reading = (readFile: () => string) => () =>
    readTokenConfig({ ...nothing, authJwtPublicKeyFile: 'key.pem' }, readFile);
  const rsa = (modulusLength: number) =>
    generateKeyPairSync('rsa', { modulusLength })
      .publicKey.export({ type: 'spki', format: 'pem' })
      .toString();

  it('has what is set, and reads no file where none is named', () => {
    const readFile = () => expect.unreachable('no file is named');
    const settings = { ...nothing, authJwtSecret: 's', authJwtAudience: 'a', authJwtIssuer: 'i' };
    expect(readTokenConfig(settings, readFile)).toEqual({
      secret: 's',
      publicKey: '',
      jwksUrl: '',
      audience: 'a',
      issuer: 'i',
    });
  });

  it.each([
    ['ENOENT', 'no such file'],
    ['EACCES', 'EACCES'],
    [undefined, 'error'],
  ])('says why a file cannot be read: %s', (code, why) => {
    const failing = reading(() => {
      throw Object.assign(new Error('x'), code === undefined ? {} : { code });
    });
    expect(failing).toThrow(`${FILE} cannot be read: ${why}`);
  });

  it('takes RSA keys of 2048 bits and more', () => {
    const [short, long] = [rsa(1024), rsa(2048)];
    expect(reading(() => short)).toThrow(`${FILE} contains an RSA key of fewer than 2048 bits`);
    expect(reading(() => long)()).toMatchObject({ publicKey: long });
  });
});

describe('a key', () => {
  const config = { secret: '', publicKey: '', jwksUrl: '', audience: '', issuer: '' };
  const algorithms = (given: Partial<typeof config>) =>
    keysOf({ ...config, ...given }).map((key) => key.algorithms);
  const pem = (type: 'ed25519' | 'ec') =>
    (type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('ed25519')
    ).publicKey
      .export({ type: 'spki', format: 'pem' })
      .toString();

  it('fixes the algorithms of its tokens', () => {
    expect(algorithms({})).toEqual([]);
    expect(algorithms({ secret: 'x' })).toEqual([['HS256']]);
    expect(algorithms({ publicKey: pem('ed25519') })).toEqual([['EdDSA', 'Ed25519']]);
    expect(algorithms({ publicKey: pem('ec'), secret: 'x' })).toEqual([['HS256'], ['ES256']]);
    expect(algorithms({ jwksUrl: 'https://keys.example' })).toEqual([['RS256', 'ES256', 'EdDSA', 'Ed25519']]);
  });
});
