/** Times and limits of an owner in a cluster, small enough for tests. */
import { ownerSettings } from '../../../fixtures/owner-settings.ts';
import type { AccessRule } from '../../../src/access/rules.ts';
import type { OwnerDeps } from '../../../src/owner/owner-deps.ts';
import type { PresenceCapacity } from '../../../src/presence/memory.ts';

export const times = {
  leaveGraceMs: 15_000,
  deviceRemoveAfterMs: 300_000,
  subscriberRemoveAfterMs: 200_000,
} as const;

export const settings: OwnerDeps['settings'] = {
  ...ownerSettings,
  deviceLeaveGraceMs: times.leaveGraceMs,
  deviceRemoveAfterMs: times.deviceRemoveAfterMs,
  subscriberRemoveAfterMs: times.subscriberRemoveAfterMs,
  maxSubscriptionsPerSubscriber: 1000,
};

export interface ClusterOptions extends Partial<OwnerDeps['settings']> {
  readonly capacity?: PresenceCapacity;
  readonly rules?: readonly AccessRule[];
  /** 0: history is off. */
  readonly historyBytes?: number;
  readonly ringBytes?: number;
}
