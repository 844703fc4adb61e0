/** How a snapshot file is refused that another hub uses. No assertions. */
import { SnapshotLock } from '../../src/snapshot/lock.ts';
import { firstOf } from '../support/attempts.ts';

/**
 * The refusal by a holder that says its number. It is not asked for long: on a busy host its answer may come too late, and
 * then it is asked again.
 */
export function refusalByNumber(file: string): Promise<Error> {
  return firstOf('the holder did not answer in time', async () => {
    const refusal = await SnapshotLock.take(file).then(
      () => new Error('the lock was free'),
      (error: Error) => error,
    );
    return isAnonymous(refusal.message) ? undefined : refusal;
  });
}

/** Whether the holder is not named. */
export function isAnonymous(refusal: string): boolean {
  return refusal.includes('another hub uses it');
}
