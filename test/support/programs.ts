/** Programs of the host that some tests need; without them these tests are skipped, and their titles say what is missing. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian puts servers where only root's PATH looks. */
const { PATH = '' } = process.env;
const folders = [...PATH.split(delimiter), '/usr/sbin'];

/** @returns its path, undefined where it is not installed */
export function programPath(name: string): string | undefined {
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
