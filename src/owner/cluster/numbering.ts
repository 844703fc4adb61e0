/** A device's numbering as text between nodes and as a number in the table. */
import { epochName } from '../../wire/events.ts';

/** @returns 0 when no node would have given it: an epoch of its own that nobody else has */
export function epochOf(name: string): number {
  const epoch = Number.parseInt(name, 36);
  return Number.isSafeInteger(epoch) && epoch > 0 && epochName(epoch) === name ? epoch : 0;
}
