/**
 * The process of an attacker: gets an order by IPC, attacks until it is told to stop, and answers with its notes. On a
 * host of few cores it gives way to the hub, as an attacker on another host would.
 */
import { setMaxListeners } from 'node:events';
import type { Target } from './attack.ts';
import { attackNamed } from './attacks.ts';
import { Notes } from './notes.ts';

export type Order = { readonly attack: string; readonly target: Target } | 'stop';

const over = new AbortController();
setMaxListeners(0, over.signal); // hundreds of connections wait for it
const notes = new Notes();

process.on('message', (order: Order) => {
  if (order === 'stop') {
    over.abort();
    return;
  }
  attackNamed(order.attack)
    .run({ target: order.target, notes, signal: over.signal })
    .then(
      () => end({ notes: notes.counts }),
      (failure: Error) => end({ failure: failure.stack ?? String(failure) }),
    );
});
process.on('disconnect', () => process.exit());

function end(report: object): void {
  process.send?.(report, () => process.exit());
}
