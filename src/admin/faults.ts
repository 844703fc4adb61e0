/** What may be broken on purpose. */
import { z } from 'zod';

export const faultOf = z.discriminatedUnion('thread', [
  z.strictObject({
    thread: z.literal('owner'),
    how: z.enum(['throw', 'terminate', 'stall']),
    ms: z.int().min(1).max(60_000).default(10_000).describe('How long it stalls'),
  }),
  z.strictObject({ thread: z.literal('cluster') }),
  z.strictObject({ thread: z.enum(['fanout', 'ingest', 'tls']), worker: z.int().min(0) }),
]);
export type Fault = z.infer<typeof faultOf>;
