/** What may be broken on purpose. */
import { z } from 'zod';

export const faultOf = z.discriminatedUnion('thread', [
  z.strictObject({ thread: z.literal('owner'), how: z.enum(['throw', 'terminate']) }),
  z.strictObject({ thread: z.literal('fanout'), worker: z.int().min(0) }),
]);
export type Fault = z.infer<typeof faultOf>;
