/** Numbers in a query, as zod schemas. */
import { z } from 'zod';

/** @param accepted for the message */
export function wholeNumber(accepted: string, least: number, most: number = Number.MAX_SAFE_INTEGER) {
  return z.coerce.number({ error: accepted }).int(accepted).min(least, accepted).max(most, accepted);
}

/** A number of a query, in digits, not `0x10` or `1e2`. @param schema with its default, or openapi.json has none */
export function inDigits<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((given) => (isOtherText(given) ? Number.NaN : given), schema);
}

function isOtherText(given: unknown): boolean {
  return typeof given === 'string' && !/^\d+$/.test(given);
}
