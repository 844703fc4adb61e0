/**
 * The hub as a library.
 * @module
 */
export { type Drained, type Hub, startHub } from './hub.ts';
export { KeyError } from './key-error.ts';
export { type ReloadAnswer, ReloadIncomplete, ReloadRefused, type ReloadSource } from './reload.ts';
export type { SettingKind } from './settings/kinds.ts';
export type { Origins } from './settings/rules.ts';
export {
  type ExplainedSettings,
  type LoadedSettings,
  loadSettings,
  type SettingGroup,
  type SettingKey,
  type SettingRow,
  type Settings,
  type SettingsSources,
  settingRows,
} from './settings.ts';
export { SnapshotRefused } from './snapshot/files.ts';
export { ListenError } from './transport/transport.ts';
