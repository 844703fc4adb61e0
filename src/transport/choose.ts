/** Finds the fastest transport that loads on this host. Any thread. */
import { createRequire } from 'node:module';
import type { Tls } from './tls.ts';
import type { StartFront } from './tls-end.ts';
import type { Transport } from './transport.ts';
import { createUwsTransport } from './uws.ts';
import type { UwsBinding } from './uws-binding.ts';
import type { UwsTls } from './uws-place.ts';
import { createWsTransport } from './ws.ts';

/** Newest first. Which of them has a binary for this host depends on the Node major and the C library. */
const uwsPackages = ['uWebSockets.js-next', 'uWebSockets.js'] as const;

export interface ChosenTransport {
  readonly transport: Transport;
  /** Which and, for the fallback, why; one line. */
  readonly reason: string;
}

/** How listeners speak TLS. */
export interface TlsChoice {
  /** What every listener shows; undefined: plain TCP. */
  readonly tls: Tls | undefined;
  /** Where TLS ends with uWebSockets.js (`DAT_TLS_END`). Node's own servers end it themselves. */
  readonly end: 'front' | 'uws';
  /** undefined in threads that do not listen themselves */
  readonly startFront?: StartFront;
}

const PLAIN: TlsChoice = { tls: undefined, end: 'front' };

/**
 * @throws Error when `uws` is asked for and no binary loads; the message says why
 */
export async function chooseTransport(
  wanted: 'auto' | 'uws' | 'ws',
  choice: TlsChoice = PLAIN,
): Promise<ChosenTransport> {
  const { tls } = choice;
  if (wanted === 'ws') return { transport: createWsTransport(tls), reason: 'ws, as configured' };
  const failures: string[] = [];
  const require = createRequire(import.meta.url);
  for (const name of uwsPackages) {
    try {
      const binding = require(name) as UwsBinding;
      const version = binaryVersion(require, name);
      return { transport: createUwsTransport(binding, uwsTls(choice)), reason: `uWebSockets.js ${version}` };
    } catch (error) {
      failures.push(causeOf(error));
    }
  }
  const why = `no uWebSockets.js binary loads on Node ${process.versions.node} (${process.platform} ${process.arch}): ${[...new Set(failures)].join('; ')}`;
  if (wanted === 'uws') throw new Error(why);
  return { transport: createWsTransport(tls), reason: `ws: ${why}` };
}

function uwsTls({ tls, end, startFront: start }: TlsChoice): UwsTls {
  if (tls === undefined) return { end: 'none' };
  return end === 'uws' ? { end: 'library', tls } : { end, start };
}

/** The binary is a package beside this one. Upstream's package, and one that you built, hold it themselves. */
function binaryVersion(require: NodeJS.Require, name: string): string {
  const beside = createRequire(require.resolve(name));
  const binary = `@uwsjs/${process.platform}-${process.arch}-${process.versions.node.split('.')[0]}`;
  for (const manifest of [`${binary}/package.json`, './package.json']) {
    try {
      return (beside(manifest) as { readonly version: string }).version;
    } catch {
      // the other may be there
    }
  }
  return 'of an unknown version';
}

const LINE_CHARACTERS_MAX = 200;

/** Why a binary does not load, one line: the packages put it below a text of their own, and Node a list of files below it. */
export function causeOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const cause = /^Error: (.+)$/m.exec(text)?.[1] ?? text.split('\n', 1)[0] ?? '';
  if (cause.startsWith('Cannot find module')) return 'none is installed for it';
  return cause.replace(/ \(required by .*\)$/, '').slice(0, LINE_CHARACTERS_MAX);
}
