/** Ends what an edge does by itself once a test is over. */
import { onTestFinished } from 'vitest';
import type { Edge } from '../../src/edge/edge.ts';

const LOST = 1006;

/**
 * The subscribers of the edge leave when the test is over. For those at a pace, and for those that have to read first,
 * an edge sets timers again and again: they would go on in this process, and tests of other files that have a fake clock
 * would count them as their own. To be called within a test, or in `beforeEach`.
 */
export function leaveAtEnd(edge: Edge): void {
  const kept = new WeakRef(edge); // a property makes hundreds of edges; one that has a timer is still there
  onTestFinished(() => {
    const alive = kept.deref();
    for (const session of [...(alive?.deliverer.sessions.values() ?? [])]) alive?.close(session, LOST, false);
  });
}
