/** Secrets in separate files: the content of the file becomes the value of the setting. Pure. */
import { problem, readFailure, wrongValue } from './problems.ts';
import { rowOf, type SettingKey } from './schema.ts';
import type { Given, SourceRead } from './sources.ts';

/** A setting that names a file, and the secret that the file holds. */
const secretFiles = [
  ['adminTokenFile', 'adminToken'],
  ['authJwtSecretFile', 'authJwtSecret'],
] as const satisfies readonly (readonly [SettingKey, SettingKey])[];

/**
 * @param given from the weakest source to the strongest, valid values only
 * @param readFile returns a file's text; what it throws becomes a problem
 */
export function readSecretFiles(given: readonly Given[], readFile: (path: string) => string): SourceRead {
  const secrets: Given[] = [];
  const problems: string[] = [];
  for (const [fileKey, key] of secretFiles) {
    const file = given.findLast((one) => one.key === fileKey);
    if (file === undefined || file.value === '') continue;
    const other = given.findLast((one) => one.key === key);
    if (other !== undefined) {
      problems.push(problem(file.where, 'a file', `nothing, because ${other.where} is set`));
      continue;
    }
    try {
      const value = readFile(String(file.value)).replace(/\r?\n$/, '');
      const { success } = rowOf(key).kind.schema.safeParse(value);
      if (success) secrets.push({ key, value, where: file.where });
      else problems.push(wrongValue(`${file.where}, what is in the file`, key, value));
    } catch (error) {
      problems.push(problem(file.where, readFailure(error), 'the path of a readable file'));
    }
  }
  return { given: secrets, problems };
}
