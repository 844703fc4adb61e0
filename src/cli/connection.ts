/** Where commands find the hub, and with which token. Tokens come from the environment: other users can read flags. */
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
    const otherwise = `default: ${scheme}://127.0.0.1 with the port in ${variable}, else ${port}`;
    command.option(`--${listener}-url <url>`, `the hub's ${listener} listener (${otherwise})`);
  }
  return command;
}

/** @throws CliFailure when the given URL has another scheme, or is not a URL */
export function urlOf(listener: Listener, options: UrlOptions): URL {
  const { scheme, variable, port } = listeners[listener];
  const text = options[`${listener}Url`];
  if (text === undefined) return new URL(`${scheme}://127.0.0.1:${portOf(variable, port)}`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === `${scheme}:` || url?.protocol === `${scheme}s:`) return url;
  const accepted = `${scheme}://HOST:PORT or ${scheme}s://HOST:PORT`;
  throw new CliFailure(Exit.usage, `--${listener}-url ${JSON.stringify(text)}: expected ${accepted}`);
}

function portOf(variable: string, otherwise: number): number {
  const given = environment(variable);
  if (given === '') return otherwise;
  const port = Number(given);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  const accepted = 'the port that the hub listens on, 1 to 65535';
  throw new CliFailure(Exit.usage, `${variable}=${JSON.stringify(given)}: expected ${accepted}`);
}

/** A variable of the environment, '' when it is not set. */
export function environment(name: string): string {
  return process.env[name] ?? '';
}

/** The token of a device or subscriber, '' when there is none. */
export function peerToken(): string {
  return environment('DAT_TOKEN');
}

/** The token for the admin API, '' when there is none. */
export function adminToken(): string {
  return environment('DAT_ADMIN_TOKEN');
}
