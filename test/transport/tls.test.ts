import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { KeyError } from '../../src/key-error.ts';
import { readTls } from '../../src/transport/tls.ts';
import { makeCertificate } from '../support/certificates.ts';
import { runHub } from '../support/hub-process.ts';

const directory = mkdtempSync(join(tmpdir(), 'dat-test-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const good = makeCertificate(directory);
const other = makeCertificate(directory, 'other');

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function converted(name: string, ...args: string[]): string {
  const path = join(directory, name);
  execFileSync('openssl', [...args, '-out', path], { stdio: 'ignore' });
  return path;
}

const read = (tlsCertFile: string, tlsKeyFile: string) =>
  readTls({ tlsCertFile, tlsKeyFile }, (path) => readFileSync(path, 'utf8'));

describe('certificate and key', () => {
  it('are read, and the end of the certificate is told', () => {
    const { certFile, keyFile, cert } = good;
    const tls = read(certFile, keyFile);
    expect(tls).toMatchObject({ certFile, keyFile, cert });
    expect(tls?.expiresAtMs).toBeGreaterThan(Date.now());
  });

  it('may be a chain that starts with the certificate of the key', () => {
    expect(read(file('chain.crt', good.cert + other.cert), good.keyFile)).toBeDefined();
  });

  it('are nothing where neither is named', () => expect(read('', '')).toBeUndefined());

  const text = file('text', 'hello\n');
  const der = converted('der.crt', 'x509', '-in', good.certFile, '-outform', 'DER');
  const secret = ['-aes256', '-passout', 'pass:secret'];
  const encrypted = converted('encrypted.key', 'pkey', '-in', good.keyFile, ...secret);
  const encryptedOld = converted('old.key', 'ec', '-in', good.keyFile, ...secret);
  const broken = file('broken.crt', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  const brokenChain = file('broken-chain.crt', good.cert + readFileSync(broken, 'utf8'));
  const backwards = file('backwards.crt', other.cert + good.cert);
  const refused: [string, string, string, RegExp][] = [
    [
      'a missing certificate',
      join(directory, 'no'),
      good.keyFile,
      /DAT_TLS_CERT_FILE cannot be read: no such/,
    ],
    ['a missing key', good.certFile, join(directory, 'no'), /DAT_TLS_KEY_FILE cannot be read: no such file$/],
    ['a directory', directory, good.keyFile, /DAT_TLS_CERT_FILE cannot be read: EISDIR$/],
    ['a certificate that is text', text, good.keyFile, /DAT_TLS_CERT_FILE holds no certificate in PEM form$/],
    ['a certificate in DER', der, good.keyFile, /DAT_TLS_CERT_FILE holds no certificate in PEM form$/],
    ['a broken certificate', broken, good.keyFile, /DAT_TLS_CERT_FILE holds no certificate in PEM form$/],
    ['a broken chain', brokenChain, good.keyFile, /DAT_TLS_CERT_FILE and DAT_TLS_KEY_FILE cannot be used: /],
    ['a chain that starts elsewhere', backwards, good.keyFile, /does not match the key/],
    ['a key that is text', good.certFile, text, /DAT_TLS_KEY_FILE holds no private key in PEM form$/],
    ['a key with a passphrase', good.certFile, encrypted, /DAT_TLS_KEY_FILE is encrypted; one without/],
    ['a key with a passphrase, the old way', good.certFile, encryptedOld, /DAT_TLS_KEY_FILE is encrypted/],
    ['the key of another certificate', good.certFile, other.keyFile, /does not match the key of DAT_TLS_KEY/],
  ];

  it.each(refused)('are refused: %s', (_what, certFile, keyFile, message) => {
    expect(() => read(certFile, keyFile)).toThrow(message);
    expect(() => read(certFile, keyFile)).toThrow(KeyError);
  });

  it('that cannot be used end the start with 78 and one line', async () => {
    const env = { DAT_TLS_CERT_FILE: good.certFile, DAT_TLS_KEY_FILE: other.keyFile };
    const { code, stderr } = await runHub(env);
    expect(code).toBe(78);
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(/^dat: the certificate of /)]);
  });
});
