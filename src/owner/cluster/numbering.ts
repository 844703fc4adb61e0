/** Epochs of devices: text between nodes, a number in the table. */
import { epochName } from '../../wire/events.ts';

/** @returns 0 if no node would have chosen this name; 0 is an epoch that no device has */
export function epochOf(name: string): number {
  const epoch = Number.parseInt(name, 36);
  return Number.isSafeInteger(epoch) && epoch > 0 && epochName(epoch) === name ? epoch : 0;
}
