/** What may be broken on purpose. */
import { z } from 'zod';

export const faultOf = z.discriminatedUnion('thread', [
  z.strictObject({
    thread: z.literal('owner'),
    how: z.enum(['throw', 'terminate', 'stall']),
    ms: z.int().min(1).max(60_000).default(10_000).describe('How long it stalls'),
  }),
  z.strictObject({ thread: z.literal('fanout'), worker: z.int().min(0) }),
  z.strictObject({ thread: z.literal('tls'), front: z.int().min(0) }),
]);
export type Fault = z.infer<typeof faultOf>;
