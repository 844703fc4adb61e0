/**
 * How long tests wait for what must come. These limits end a test that cannot succeed; they never decide one: a test that
 * passes waits for none of them, however slow the host. So no test names a shorter one of its own.
 */

/** For one thing that is to come: a frame, an answer, a state. */
export const WAIT_MS = 60_000;
/** For a whole test, or for what goes before and after it. Several waits fit in. */
export const TEST_MS = 300_000;
