/** Settings of an owner without threads: nobody is silent for long enough to matter. */
import type { OwnerDeps } from '../../src/owner/owner-deps.ts';

export const ownerSettings = {
  deviceStaleAfterMs: 60_000,
  deviceLeaveGraceMs: 15_000,
  deviceRemoveAfterMs: 300_000,
  subscriberInactiveAfterMs: 600_000,
  subscriberRemoveAfterMs: 3_000_000,
  defaultAccess: 'allow',
  maxSubscriptionsPerSubscriber: 100_000,
  maxFiltersPerSubscriber: 100,
  sendQueueMaxBytes: 1024 * 1024,
  historyEvents: 100,
} as const satisfies OwnerDeps['settings'];
