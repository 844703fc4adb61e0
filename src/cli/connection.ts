/** Where the commands find the hub, and as whom they come. Tokens come from the environment: flags can be read by others. */
import type { Command } from 'commander';
import { settingRows } from '../settings/schema.ts';
import { CliFailure, Exit } from './failure.ts';

export type Listener = 'device' | 'subscriber' | 'admin';

const listeners = {
  device: { scheme: 'ws', variable: 'DAT_DEVICE_PORT', port: settingRows.devicePort.default },
  subscriber: { scheme: 'ws', variable: 'DAT_SUBSCRIBER_PORT', port: settingRows.subscriberPort.default },
  admin: { scheme: 'http', variable: 'DAT_ADMIN_PORT', port: settingRows.adminPort.default },
} as const;

export interface UrlOptions {
  readonly deviceUrl?: string;
  readonly subscriberUrl?: string;
  readonly adminUrl?: string;
}

/** Adds `--device-url` and the like to a command. */
export function withUrl(command: Command, ...wanted: readonly Listener[]): Command {
  for (const listener of wanted) {
    const { scheme, variable, port } = listeners[listener];
    const from = `default: ${scheme}://127.0.0.1 at ${variable}, else ${port}`;
    command.option(`--${listener}-url <url>`, `the hub's ${listener} listener (${from})`);
  }
  return command;
}

/** @throws CliFailure when what was given is no URL of that kind */
export function urlOf(listener: Listener, options: UrlOptions): URL {
  const { scheme, variable, port } = listeners[listener];
  const given = options[`${listener}Url`];
  const text = given ?? `${scheme}://127.0.0.1:${process.env[variable] || port}`;
  const flag = given === undefined ? variable : `--${listener}-url`;
  if (!URL.canParse(text) || !new URL(text).protocol.startsWith(scheme)) {
    const accepted = `${scheme}://HOST:PORT or ${scheme}s://HOST:PORT`;
    throw new CliFailure(Exit.usage, `${flag}: given ${JSON.stringify(text)}, accepted is ${accepted}`);
  }
  return new URL(text);
}

/** A variable of the environment, '' when there is none. */
export function environment(name: string): string {
  return process.env[name] ?? '';
}

/** The peer's token, '' when there is none. */
export function peerToken(): string {
  return environment('DAT_TOKEN');
}

export function noHub(url: URL): CliFailure {
  return new CliFailure(
    Exit.unavailable,
    `no hub answers at ${url.origin === 'null' ? url.href : url.origin}: start one (dat serve), or name it (--…-url)`,
  );
}
