/** Asks the hub again and again for as long as the page is seen. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, messageOf } from './api.ts';

export interface Polled<Answer> {
  /** The last answer, perhaps to the question before. */
  readonly answer: Answer | undefined;
  /** Whether it is the answer, or the failure, of this question. */
  readonly isCurrent: boolean;
  /** Why the last request failed, '' if it did not. */
  readonly failure: string;
  /** The hub has no such route. */
  readonly isNoRoute: boolean;
  /** Asks at once. */
  readonly again: () => void;
}

/**
 * @param question asked anew at once when it is another; '': nothing is asked
 * @param everyMs from an answer to the next question; 0: only once
 */
export function usePoll<Answer>(
  question: string,
  everyMs: number,
  askHub: (signal: AbortSignal) => Promise<Answer>,
): Polled<Answer> {
  const [result, setResult] = useState<
    Omit<Polled<Answer>, 'again' | 'isCurrent'> & { readonly question: string }
  >({
    question: '',
    answer: undefined,
    failure: '',
    isNoRoute: false,
  });
  const [attempt, setAttempt] = useState(0);
  const asked = useRef(askHub);
  asked.current = askHub;

  useEffect(() => {
    if (question === '') return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isAsking = false;
    const run = async (): Promise<void> => {
      if (isAsking || document.visibilityState === 'hidden') return; // goes on when it is seen
      isAsking = true;
      try {
        const answer = await asked.current(abort.signal);
        setResult({ question, answer, failure: '', isNoRoute: false });
      } catch (error) {
        if (abort.signal.aborted) return;
        const isNoRoute = error instanceof ApiError && error.isNoRoute;
        setResult((before) => ({
          question,
          answer: isNoRoute ? undefined : before.answer,
          failure: isNoRoute ? '' : messageOf(error),
          isNoRoute,
        }));
        if (isNoRoute) return;
      } finally {
        isAsking = false;
      }
      if (everyMs > 0 && !abort.signal.aborted) timer = setTimeout(() => void run(), everyMs);
    };
    const seen = (): void => {
      clearTimeout(timer);
      void run();
    };
    document.addEventListener('visibilitychange', seen);
    void run();
    return () => {
      abort.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [question, everyMs, attempt]);

  const { answer, failure, isNoRoute } = result;
  const isCurrent = result.question === question;
  return {
    answer,
    isCurrent,
    failure: isCurrent ? failure : '',
    isNoRoute: isCurrent && isNoRoute,
    again: () => setAttempt((before) => before + 1),
  };
}
