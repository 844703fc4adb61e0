/** What the subscriber side of the owner is given. */
import type { Clock } from '../clock.ts';
import type { Pulse } from '../memory/heartbeat.ts';
import type { Wheel } from '../memory/wheel.ts';
import type { EdgeLink } from './edge-link.ts';
import type { Filters } from './filters.ts';
import type { Registry } from './registry.ts';
import type { Requests } from './requests.ts';
import type { TokenScopes } from './scopes.ts';
import type { SubscriberTimeSettings } from './subscriber-times.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Sweeps } from './sweeps.ts';

export interface SubscribersDeps {
  readonly registry: Registry;
  readonly subscriptions: Subscriptions;
  readonly scopes: TokenScopes;
  readonly requests: Requests;
  readonly sweeps: Sweeps;
  readonly filters: Filters;
  /** By edge. */
  readonly links: readonly EdgeLink[];
  /** A timer per subscriber slot: silence, then removal. */
  readonly wheel: Wheel;
  /** By edge. */
  readonly pulses: readonly Pulse[];
  readonly clock: Clock;
  readonly settings: SubscriberTimeSettings;
}
