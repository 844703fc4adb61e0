/** Finds the problems of a start with these settings: reads and checks the files that they name, as a start does. */
import { readTokenConfig } from '../access/keys.ts';
import { checkNatsCreds } from '../access/nats-creds.ts';
import { KeyError } from '../key-error.ts';
import { checkWritable, SnapshotRefused } from '../snapshot/files.ts';
import { readTls } from '../transport/tls.ts';
import type { Settings } from './schema.ts';

/**
 * @param readFile returns a file's text, and throws what the file system throws
 * @returns the reasons why a start would fail, one line each
 */
export function startProblems(settings: Settings, readFile: (path: string) => string): string[] {
  const steps: readonly (() => unknown)[] = [
    () => expectValid(readTls(settings, readFile)),
    () => readTokenConfig(settings, readFile),
    () => checkNatsCreds(settings, readFile),
    () => settings.snapshotFile !== '' && checkWritable(settings.snapshotFile),
  ];
  return steps.flatMap((step) => {
    try {
      step();
      return [];
    } catch (error) {
      if (error instanceof KeyError || error instanceof SnapshotRefused) return error.message;
      throw error;
    }
  });
}

/** A start only logs this, but no peer that checks the certificate could connect. */
function expectValid(tls: ReturnType<typeof readTls>): void {
  if (tls !== undefined && tls.expiresAtMs < Date.now())
    throw new KeyError(
      `the certificate of DAT_TLS_CERT_FILE expired on ${new Date(tls.expiresAtMs).toISOString()}`,
    );
}
