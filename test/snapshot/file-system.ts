/** Lets a test watch, change or fail what the sources ask of the file system, until it has finished. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { onTestFinished } from 'vitest';

type Call = (...args: unknown[]) => unknown;
type Name = 'closeSync' | 'fsyncSync' | 'linkSync' | 'openSync' | 'readSync' | 'renameSync' | 'writeSync';

/** @param make the function that is called instead of the original */
export function replaceInFs(name: Name, make: (original: Call) => Call): void {
  const original = fs[name] as Call;
  const put = (call: Call): void => {
    Object.assign(fs, { [name]: call });
    syncBuiltinESMExports();
  };
  put(make(original));
  onTestFinished(() => put(original));
}

/** An error as the file system throws it. */
export function fsError(code: string): Error {
  return Object.assign(new Error(`${code}: failed by the test`), { code });
}

export interface Watched {
  /** Calls in order, each with the paths that it was about; a descriptor counts as the path that it was opened with. */
  readonly calls: string[];
  /** Paths of what is open. */
  readonly open: () => string[];
}

export function watchFs(): Watched {
  const calls: string[] = [];
  const paths = new Map<unknown, string>();
  const note = (name: Name, pathsOf: (args: unknown[]) => unknown[], after?: (args: unknown[]) => void) =>
    replaceInFs(name, (original) => (...args) => {
      const result = original(...args);
      if (name === 'openSync') paths.set(result, String(args[0]));
      calls.push([name.replace('Sync', ''), ...pathsOf(args)].join(' '));
      after?.(args);
      return result;
    });
  const ofDescriptor = ([descriptor]: unknown[]) => [paths.get(descriptor) ?? 'what is not open'];
  note('openSync', ([path]) => [path]);
  note('writeSync', ofDescriptor);
  note('fsyncSync', ofDescriptor);
  note('closeSync', ofDescriptor, ([descriptor]) => paths.delete(descriptor));
  note('renameSync', ([from, to]) => [from, to]);
  note('linkSync', ([from, to]) => [from, to]);
  return { calls, open: () => [...paths.values()] };
}
