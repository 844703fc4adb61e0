/** Times and limits of an owner in a cluster, small enough for tests. */
import type { AccessRule } from '../../../src/access/rules.ts';
import type { OwnerDeps } from '../../../src/owner/owner-deps.ts';
import type { PresenceCapacity } from '../../../src/presence/table.ts';

export const times = {
  leaveGraceMs: 15_000,
  deviceRemoveAfterMs: 300_000,
  subscriberRemoveAfterMs: 200_000,
} as const;

export const settings: OwnerDeps['settings'] = {
  deviceStaleAfterMs: 60_000,
  deviceLeaveGraceMs: times.leaveGraceMs,
  deviceRemoveAfterMs: times.deviceRemoveAfterMs,
  subscriberInactiveAfterMs: 60_000,
  subscriberRemoveAfterMs: times.subscriberRemoveAfterMs,
  defaultAccess: 'allow',
  maxSubscriptionsPerSubscriber: 1000,
  maxFiltersPerSubscriber: 100,
  sendQueueMaxBytes: 1024 * 1024,
  historyEvents: 100,
};

export interface ClusterOptions extends Partial<OwnerDeps['settings']> {
  readonly capacity?: PresenceCapacity;
  readonly rules?: readonly AccessRule[];
  /** 0: history is off. */
  readonly historyBytes?: number;
  readonly ringBytes?: number;
}
