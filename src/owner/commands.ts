/** Carries out main's commands on the owner thread: reads its port between two polls, and answers. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import {
  FromOwner,
  type FromOwnerCommand,
  type OperatorResult,
  ToEdge,
  ToOwner,
  type ToOwnerCommand,
} from '../records/commands.ts';
import type { Restored } from '../snapshot/restore.ts';
import type { Owner } from './owner.ts';

/**
 * @param bells the owner's ends, by edge; replaced when an edge starts
 * @param restored what the owner restored, where it was told to
 * @returns a function that carries out the commands that wait, and returns how many, or -1 to stop
 */
export function obeyer(
  owner: Owner,
  port: MessagePort,
  bells: (MessagePort | undefined)[],
  restored: Restored | undefined,
): () => number {
  let isReady = false;
  const say = (message: FromOwnerCommand): void => port.postMessage(message);
  const reply = (request: number, result: OperatorResult): void =>
    say({ kind: FromOwner.Reply, request, result });
  const obey = (message: ToOwnerCommand): boolean => {
    if (!('kind' in message)) {
      reply(message.request, owner.operate(message.command));
      return true;
    }
    switch (message.kind) {
      case ToOwner.Stop:
        return false;
      case ToOwner.Bell:
        bells[message.edge]?.close();
        bells[message.edge] = message.bell;
        message.bell.postMessage({ kind: ToEdge.Wake }); // what the one before was rung for meanwhile
        return true;
      case ToOwner.EdgeGone:
        owner.edgeGone(message.edge);
        reply(message.request, { ok: true });
        return true;
      case ToOwner.LeaveAll:
        owner.leaveAll();
        return true;
      case ToOwner.Fault:
        if (message.stallMs === 0) throw new Error('a fault that was asked for');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, message.stallMs);
        return true;
      default:
        throw new Error(`unknown command ${JSON.stringify(message satisfies never)}`);
    }
  };
  return () => {
    if (!isReady && owner.isWhole) {
      isReady = true;
      say({ kind: FromOwner.Ready, restored });
    }
    let done = 0;
    for (;;) {
      const received = receiveMessageOnPort(port) as { message: ToOwnerCommand } | undefined;
      if (received === undefined) return done;
      if (!obey(received.message)) return -1;
      done += 1;
    }
  };
}
