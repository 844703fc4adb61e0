/** The parts of a setting, and the bounds that several settings share. */
import { type SettingKind, wholeNumber } from './kinds.ts';

export interface SettingRow<Value> {
  readonly kind: SettingKind<Value>;
  readonly default: NoInfer<Value>;
  /** The default in words, where the value alone does not say enough. */
  readonly defaultText?: string;
  readonly group: SettingGroup;
  /** What it does and what follows from it, and what 0 means if it is accepted. */
  readonly meaning: string;
  /** The value is never printed, and there is no flag: other users of the machine can read a process's arguments. */
  readonly secret?: true;
  /** It may be set in the environment only. */
  readonly environmentOnly?: true;
  /**
   * A reload applies a new value, or reads the named file again, without dropping a connection. Without this marker a
   * change takes a restart. Anything that sizes memory, opens a listener or starts threads must not have it.
   */
  readonly reloadable?: true;
}

export const settingGroups = [
  'Listeners',
  'Access',
  'Threads',
  'Presence',
  'Delivery',
  'Capacity',
  'History',
  'Cluster',
  'Running',
] as const;
export type SettingGroup = (typeof settingGroups)[number];

export const DAY_MS = 24 * 60 * 60 * 1000;
/** 24 days: Node's timers reach 24.8 days at most. */
export const SPAN_MS_MAX = 24 * DAY_MS;
/** With this many rows, a column of 8 bytes takes 128 MB and ids of the maximum length take 2 GB. */
export const ROWS_MAX = 16_000_000;

export const spanMs = wholeNumber(1, SPAN_MS_MAX, 'ms');
export const spanMsOrZero = wholeNumber(0, SPAN_MS_MAX, 'ms');

/** Declares a setting; its default must be a value of its kind. */
export function row<Value>(entry: SettingRow<Value>): SettingRow<Value> {
  return entry;
}
