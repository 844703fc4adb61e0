import { KeyError } from './key-error.ts';

/**
 * Reads a key, a certificate or credentials.
 * @param setting names the file
 * @param readFile returns a file's text, and throws what the file system throws
 * @throws KeyError when the file cannot be read
 */
export function readKeyFile(setting: string, path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new KeyError(
      `the file of ${setting} cannot be read: ${code === 'ENOENT' ? 'no such file' : (code ?? 'error')}`,
      { cause: error },
    );
  }
}
