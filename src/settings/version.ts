/** The version in package.json, found from the source tree and from the built one. */
import { readFileSync } from 'node:fs';

/** Relative to `src/settings` and to `dist/src/settings`. */
const CANDIDATES = ['../../package.json', '../../../package.json'] as const;

/** @throws Error if the package is incomplete: its own package.json is missing */
export function packageVersion(): string {
  for (const candidate of CANDIDATES) {
    const version = versionIn(new URL(candidate, import.meta.url));
    if (version !== undefined) return version;
  }
  throw new Error('package.json is missing beside the program');
}

function versionIn(file: URL): string | undefined {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
