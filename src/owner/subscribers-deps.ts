/** Dependencies of the owner's subscriber side. */
import type { EdgeLink } from './edge-link.ts';
import type { Filters } from './filters.ts';
import type { Requests } from './requests.ts';
import type { TokenScopes } from './scopes.ts';
import type { SilencesDeps } from './silences.ts';
import type { SubscriberTimeSettings } from './subscriber-times.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface SubscribersDeps extends SilencesDeps {
  readonly subscriptions: Subscriptions;
  readonly scopes: TokenScopes;
  readonly requests: Requests;
  readonly filters: Filters;
  /** By edge. */
  readonly links: readonly EdgeLink[];
  readonly settings: SubscriberTimeSettings;
}
