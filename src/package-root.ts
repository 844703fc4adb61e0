/** Where the package's files are. Modules run from `src`, from `dist/src` and from bundles: no path is relative to a module. */
import { existsSync } from 'node:fs';

/** @throws Error when no folder above the module is a package */
function rootOf(module: string): URL {
  for (let folder = new URL('.', module); ; ) {
    if (existsSync(new URL('package.json', folder))) return folder;
    const above = new URL('..', folder);
    if (above.href === folder.href) throw new Error('package.json is missing: the package is incomplete');
    folder = above;
  }
}

const ROOT = rootOf(import.meta.url);

/** @param path from the package's root */
export function packageFile(path: string): URL {
  return new URL(path, ROOT);
}
