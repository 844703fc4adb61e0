/** Settings of the group History: which events are kept. */
import { wholeNumber, wordOrNumber } from '../kinds.ts';
import { row, SPAN_MS_MAX } from '../row.ts';

/** The largest possible shared memory. */
const HISTORY_BYTES_MAX = 2 ** 31;

export const historyRows = {
  historyBytes: row({
    kind: wordOrNumber('auto', 0, HISTORY_BYTES_MAX),
    default: 'auto',
    group: 'History',
    meaning:
      'Memory for recent events of all devices together. `auto` is the larger of 32 MiB and 1 KiB for each device of ' +
      '`DAT_MAX_DEVICES`, at most 2 GiB. 0 turns history off; any other value below 64 KiB counts as 64 KiB.',
  }),
  historyEvents: row({
    kind: wholeNumber(1, 1_000_000, 'events'),
    default: 100,
    group: 'History',
    meaning: 'Maximum number of kept events per device; fewer are kept when the memory is full.',
  }),
  historyTtlMs: row({
    kind: wholeNumber(1000, SPAN_MS_MAX, 'ms'),
    default: 3_600_000,
    group: 'History',
    meaning:
      'Age up to which events are kept. The newest message and status of each device are kept whatever their age.',
  }),
} as const;
