/** Settings of an owner without threads: nobody is silent for long enough to matter. */
import { ownerSettings as shared } from '../../fixtures/owner-settings.ts';

export const ownerSettings = {
  ...shared,
  subscriberInactiveAfterMs: 600_000,
  subscriberRemoveAfterMs: 3_000_000,
};
