/** What operators did and what the hub refused, as the admin API lists it. */
import { ask, pathOf } from './api.ts';

/** More than the hub keeps. */
const ENTRIES_MAX = 500;

interface Dated {
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** `action`, `refusedRequest`: of the admin API; `refused`, `suppressed`: connections. */
export type ActivityEntry = Dated &
  (
    | {
        readonly kind: 'action';
        readonly who: string;
        readonly from: string;
        /** Method and path. */
        readonly action: string;
        readonly what: Readonly<Record<string, unknown>>;
        readonly status: number;
      }
    | {
        readonly kind: 'refusedRequest';
        readonly from: string;
        readonly action: string;
        readonly status: number;
        readonly message: string;
      }
    | {
        readonly kind: 'refused';
        readonly role?: string;
        readonly reason: string;
        readonly status: number;
        readonly message: string;
        readonly address: string;
        readonly id?: string;
      }
    | { readonly kind: 'suppressed'; readonly role?: string; readonly reason: string; readonly count: number }
  );

/** @returns newest first */
export async function listActivity(signal: AbortSignal): Promise<readonly ActivityEntry[]> {
  const path = pathOf(['activity'], { limit: ENTRIES_MAX });
  return (await ask<{ readonly entries: readonly ActivityEntry[] }>('GET', path, { signal })).entries;
}
