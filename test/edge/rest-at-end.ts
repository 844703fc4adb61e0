/** Ends what an edge does by itself once a test is over. */
import { onTestFinished } from 'vitest';
import type { Edge } from '../../src/edge/edge.ts';
import type { FakeClock } from '../support/fake-clock.ts';

/** After this, the turn of everybody at a pace has come. */
const LONGEST_PACE_MS = 60_000;

/**
 * Nothing waits in the edge any more when the test is over. For a subscriber whose turn is to come, and for one that has
 * to read first, an edge sets timers again and again, for ever beside a clock that stands still: they would go on in this
 * process, and tests of other files that have a fake clock would count them as their own. To be called within a test, or
 * in `beforeEach`.
 * @param sockets those of its peers; `queued`: bytes that wait for the peer
 */
export function restAtEnd(edge: Edge, clock: FakeClock, sockets: ReadonlySet<{ queued: number }>): void {
  const kept = new WeakRef(edge); // a property makes hundreds of edges; one that has a timer is still there
  onTestFinished(() => {
    const deliverer = kept.deref()?.deliverer;
    if (deliverer === undefined) return;
    for (const socket of sockets) socket.queued = 0;
    clock.advance(2 * LONGEST_PACE_MS);
    deliverer.paces.tick();
    const { replays, retained, removals } = deliverer;
    for (const session of deliverer.sessions.values())
      for (const waiting of [replays, retained, removals]) waiting.forget(session);
  });
}
