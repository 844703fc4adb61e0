/**
 * An edge and the owner died together, and the owner that took over died before the edge was back: the edge was started
 * with its end of a channel to a thread that was gone, which cannot change hands. That counted as one more crash, up to
 * the end of the hub.
 */
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { Bells } from '../../src/supervise/bells.ts';

/** As the end of the thread that has it does. */
async function close(end: MessagePort): Promise<void> {
  const closed = once(end.start() ?? end, 'close');
  end.close();
  await closed;
  await turn();
}

it('an edge that starts is given an end that it can be given, though the owner that knew it last has died', async () => {
  const bells = new Bells(2, () => {});
  for (const end of bells.forOwner()) if (end !== undefined) await close(end);
  const told: MessagePort[] = [];
  const end = bells.forEdge(
    1,
    (other) => void told.push(other),
    () => {},
  );
  expect(() => structuredClone(end, { transfer: [end] })).not.toThrow();
  expect(told).toHaveLength(1);
  bells.close();
  for (const other of told) other.close();
});
