/**
 * Contains a bug to the frame that triggers it: its peer gets an error and stays connected, and nobody else is
 * affected. Without this, an exception in a handler would end the thread with all of its sockets.
 */
import { errors } from '../codes.ts';
import { Counter, type Counters } from '../memory/counters.ts';
import type { Connection, ListenerHandlers, Route, UpgradeAnswer } from '../transport/transport.ts';
import { problemFrame } from '../wire/hub-frames.ts';

const INTERNAL = { code: errors.internal.code, message: errors.internal.reason } as const;

/** Peers that trigger the same bug repeatedly must not fill the log; the counter counts every case. */
const TELL_MS_MIN = 1000;

/** @param failed told of failures, one a second at most, for the log */
export function contained<Session>(
  route: Route<Session>,
  counters: Counters,
  failed: (failure: Error) => void,
): Route<Session> {
  const answer = (socket: Connection<Session>): void => {
    counters.refuse(INTERNAL.code);
    socket.send(problemFrame({ ...INTERNAL, id: '' }), false);
  };
  return { ...route, handlers: containedHandlers(route.handlers, counters, failed, answer) };
}

/** @param answer what the peer is told whose frame met a bug */
export function containedHandlers<Session>(
  handlers: ListenerHandlers<Session>,
  counters: Counters,
  failed: (failure: Error) => void,
  answer: (socket: Connection<Session>) => void,
): ListenerHandlers<Session> {
  let toldAt = Number.NEGATIVE_INFINITY;
  const note = (failure: unknown): void => {
    counters.add(Counter.failedFrames);
    const now = performance.now();
    if (now - toldAt < TELL_MS_MIN) return;
    toldAt = now;
    failed(failure instanceof Error ? failure : new Error(String(failure)));
  };
  const guarded =
    <Args extends unknown[]>(handle: (socket: Connection<Session>, ...args: Args) => void) =>
    (socket: Connection<Session>, ...args: Args): void => {
      try {
        handle(socket, ...args);
      } catch (failure) {
        note(failure);
      }
    };
  return {
    upgrade(request) {
      const refusal = (failure: unknown): UpgradeAnswer<Session> => {
        note(failure);
        return { status: 500, message: errors.internal.reason };
      };
      try {
        const answer = handlers.upgrade(request);
        return answer instanceof Promise ? answer.catch(refusal) : answer;
      } catch (failure) {
        return refusal(failure);
      }
    },
    message(socket, frame, binary) {
      counters.cells[Counter.bytesReceived]! += frame.length;
      try {
        handlers.message(socket, frame, binary);
      } catch (failure) {
        note(failure);
        answer(socket);
      }
    },
    open: guarded((socket) => handlers.open(socket)),
    controlPong: guarded((socket) => handlers.controlPong(socket)),
    controlPing: guarded((socket) => handlers.controlPing(socket)),
    writable: guarded((socket) => handlers.writable(socket)),
    dropped: guarded((socket) => handlers.dropped(socket)),
    closing: guarded((socket) => handlers.closing(socket)),
    close: guarded((socket, code: number) => handlers.close(socket, code)),
  };
}
