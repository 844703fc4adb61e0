/** Public exports: the hub as a library. */
export { type Hub, startHub } from './hub.ts';
export { type LoadedSettings, loadSettings, type Settings, type SettingsSources } from './settings.ts';
export { SnapshotRefused } from './snapshot/files.ts';
export { ListenError } from './transport/transport.ts';
