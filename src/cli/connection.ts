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
  const text = options[`${listener}Url`];
  if (text === undefined) return new URL(`${scheme}://127.0.0.1:${portOf(variable, port)}`);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === `${scheme}:` || url?.protocol === `${scheme}s:`) return url;
  const accepted = `${scheme}://HOST:PORT or ${scheme}s://HOST:PORT`;
  throw new CliFailure(
    Exit.usage,
    `--${listener}-url: given ${JSON.stringify(text)}, accepted is ${accepted}`,
  );
}

function portOf(variable: string, byDefault: number): number {
  const given = environment(variable);
  if (given === '') return byDefault;
  const port = Number(given);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  const accepted = 'the port that a hub listens on, 1 to 65535';
  throw new CliFailure(Exit.usage, `${variable}: given ${JSON.stringify(given)}, accepted is ${accepted}`);
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
    `no hub answers at ${shownUrl(url)}: start one (dat serve), or name it (--…-url)`,
  );
}

/** What answers there is not trusted by this host, or no TLS at all. @param code of Node or OpenSSL */
export function untrusted(url: URL, code: string): CliFailure {
  const mend =
    'name its certificate or its issuer with NODE_EXTRA_CA_CERTS=FILE, or use the right scheme and port';
  return new CliFailure(
    Exit.unavailable,
    `${shownUrl(url)}: no TLS that this host trusts (${code}): ${mend}`,
  );
}

/** Something answers there that is no such listener. */
export function notTheHub(url: URL, listener: Listener): CliFailure {
  return new CliFailure(
    Exit.unavailable,
    `what answers at ${shownUrl(url)} is no hub's ${listener} listener`,
  );
}

function shownUrl({ protocol, host }: URL): string {
  return `${protocol}//${host}`;
}
