/** Ids as arguments. */
import { ID_ACCEPTED, isId } from '../wire/id.ts';
import { CliFailure, Exit } from './failure.ts';

/** @throws CliFailure when one is not an id */
export function checkIds(ids: readonly string[]): void {
  for (const id of ids) {
    if (!isId(id))
      throw new CliFailure(Exit.usage, `${JSON.stringify(id)} is not an id; expected ${ID_ACCEPTED}`);
  }
}
