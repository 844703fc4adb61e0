/** What crosses between a page and the worker that holds the live stream. */
import type { LiveNews, LiveSubject } from './live.ts';

export type FromPage =
  /** I look at this; also said again after a `leave`. */
  | { readonly kind: 'look'; readonly token: string; readonly subject: LiveSubject }
  /** I am here. */
  | { readonly kind: 'here' }
  /** Nobody sees me any more. */
  | { readonly kind: 'leave' };

export type ToPage = LiveNews | { readonly kind: 'ask' };

/** How often pages are asked whether they are there, and how long one may not answer. */
export const ASK_MS = 5000;
export const ANSWER_MS_MAX = 20_000;
