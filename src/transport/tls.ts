/**
 * The certificate and key that all listeners show, read and checked before anything listens. Main reads them, at start
 * and for a reload, and hands them to the other threads.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { KeyError } from '../key-error.ts';
import { readKeyFile } from '../key-file.ts';

export interface TlsSettings {
  /** '' for none; both or neither, as the settings' rules enforce. */
  readonly tlsCertFile: string;
  readonly tlsKeyFile: string;
}

export interface Tls {
  /** uWebSockets.js takes paths, Node takes what is in them. */
  readonly certFile: string;
  readonly keyFile: string;
  /** PEM: the server's certificate, then those between it and the root. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  /** When the server's certificate ends, wall-clock ms. */
  readonly expiresAtMs: number;
}

/** For the log: no peer that looks at the certificate connects. */
export const CERTIFICATE_EXPIRED = 'the certificate has expired';

/**
 * @param readFile returns the file's text; what it throws becomes a KeyError
 * @returns undefined when TLS is off
 * @throws KeyError when a file cannot be read, is not what it should be, or the two do not belong together
 */
export function readTls(
  { tlsCertFile: certFile, tlsKeyFile: keyFile }: TlsSettings,
  readFile: (path: string) => string,
): Tls | undefined {
  if (certFile === '' || keyFile === '') return undefined;
  const cert = readKeyFile('DAT_TLS_CERT_FILE', certFile, readFile);
  const key = readKeyFile('DAT_TLS_KEY_FILE', keyFile, readFile);
  const certificate = certificateOf(cert);
  if (!certificate.checkPrivateKey(privateKeyOf(key)))
    throw new KeyError(
      'the certificate of DAT_TLS_CERT_FILE does not match the key of DAT_TLS_KEY_FILE; the file must start with ' +
        "the server's own certificate",
    );
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    // What is left is a broken certificate behind the first, or one that OpenSSL holds to be too weak.
    const { code, message } = error as NodeJS.ErrnoException;
    throw new KeyError(
      `the files of DAT_TLS_CERT_FILE and DAT_TLS_KEY_FILE cannot be used: ${code ?? message}`,
    );
  }
  return { certFile, keyFile, cert, key, expiresAtMs: Date.parse(certificate.validTo) };
}

function certificateOf(pem: string): X509Certificate {
  // Node would take DER too, uWebSockets.js does not.
  if (pem.includes('-----BEGIN CERTIFICATE-----')) {
    try {
      return new X509Certificate(pem);
    } catch {
      // said below
    }
  }
  throw new KeyError('the file of DAT_TLS_CERT_FILE holds no certificate in PEM form');
}

function privateKeyOf(pem: string): KeyObject {
  if (/-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(pem))
    throw new KeyError('the key of DAT_TLS_KEY_FILE is encrypted; one without a passphrase is needed');
  try {
    return createPrivateKey(pem);
  } catch {
    throw new KeyError('the file of DAT_TLS_KEY_FILE holds no private key in PEM form');
  }
}
