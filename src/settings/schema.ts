/**
 * Every setting, once. The types, the parsers of flags, environment and file, the help and docs/settings.md are derived
 * from these rows, and so are the names: key `devicePort` is `DAT_DEVICE_PORT` and `--device-port`. The rows are in
 * `rows/`, one file per group. Rules between settings are in `rules.ts`.
 */
import type { SettingRow } from './row.ts';
import { accessRows } from './rows/access.ts';
import { capacityRows } from './rows/capacity.ts';
import { clusterRows } from './rows/cluster.ts';
import { deliveryRows } from './rows/delivery.ts';
import { historyRows } from './rows/history.ts';
import { listenersRows } from './rows/listeners.ts';
import { presenceRows } from './rows/presence.ts';
import { runningRows } from './rows/running.ts';
import { threadsRows } from './rows/threads.ts';

export const settingRows = {
  ...listenersRows,
  ...accessRows,
  ...threadsRows,
  ...presenceRows,
  ...deliveryRows,
  ...capacityRows,
  ...historyRows,
  ...clusterRows,
  ...runningRows,
} as const satisfies Record<string, SettingRow<unknown>>;

export type SettingKey = keyof typeof settingRows;

/** A checked value for every row; plain data that can be sent to a thread. */
export type Settings = {
  readonly [Key in SettingKey]: (typeof settingRows)[Key] extends SettingRow<infer Value> ? Value : never;
};

export const settingKeys = Object.keys(settingRows) as readonly SettingKey[];

/** The row without the type of its value, for code that treats all settings alike. */
export function rowOf(key: SettingKey): SettingRow<unknown> {
  return settingRows[key];
}

/** `devicePort` → `DAT_DEVICE_PORT` */
export function envName(key: string): string {
  return `DAT_${key.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
}

/** `devicePort` → `--device-port` */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, '-$&').toLowerCase()}`;
}
