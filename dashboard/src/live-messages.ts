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

/** How often pages are asked whether they are there, and how long a page may not answer. */
export const ASK_MS = 2000;
export const ANSWER_MS_MAX = 10_000;
/** A page that has missed so many of these questions has lost the worker. */
export const QUESTIONS_MISSED_MAX = 5;
