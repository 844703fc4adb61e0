/**
 * The process of an attacker: gets an order by IPC, attacks until it is told to stop, and answers with its notes. Where
 * times are measured it runs at the lowest priority: an attacker on another host would take none of the hub's CPU either.
 */
import { setMaxListeners } from 'node:events';
import { eventually } from '../support/eventually.ts';
import type { Target } from './attack.ts';
import { attackNamed } from './attacks.ts';
import { Notes } from './notes.ts';

export type Order = { readonly attack: string; readonly target: Target } | 'stop';

const over = new AbortController();
setMaxListeners(0, over.signal); // hundreds of connections wait for it
const notes = new Notes();

process.on('message', (order: Order) => {
  if (order === 'stop') {
    void stop();
    return;
  }
  attackNamed(order.attack)
    .run({ target: order.target, notes, signal: over.signal })
    .then(
      () => end({ notes: notes.counts }),
      (failure: Error) => end({ failure: failure.stack ?? String(failure) }),
    );
  process.send?.('begun');
});
process.on('disconnect', () => process.exit());

/** Not before it has reached the hub: on a busy host a short attack would be none. */
async function stop(): Promise<void> {
  await eventually('a connection to the hub', () => notes.get('connections') > 0).catch(() => {});
  over.abort();
}

function end(report: object): void {
  process.send?.(report, () => process.exit());
}
