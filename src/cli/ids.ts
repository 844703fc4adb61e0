/** Ids as arguments. */
import { isId } from '../protocol/id.ts';
import { CliFailure, Exit } from './failure.ts';

const ID_ACCEPTED = '1 to 128 of A-Z a-z 0-9 . _ : ~ -';

/** @throws CliFailure when one is not an id */
export function checkIds(ids: readonly string[]): void {
  for (const id of ids) {
    if (!isId(id))
      throw new CliFailure(Exit.usage, `${JSON.stringify(id)} is not an id; expected ${ID_ACCEPTED}`);
  }
}
