/**
 * Where commands find the hub, and with which token. The address comes from the first that has it: a flag, the context
 * that `--context` names, the environment, the selected context, the defaults. Tokens come from the environment or
 * from files, because other users of a host can read flags.
 */
import type { Command } from 'commander';
import { settingRows } from '../settings/schema.ts';
import { type Context, Contexts, isSendable, TOKEN_ACCEPTED, tokenIn } from './contexts.ts';
import { CliFailure, Exit } from './failure.ts';

export type HubListener = 'device' | 'subscriber' | 'admin';

const listeners = {
  device: { scheme: 'ws', variable: 'DAT_DEVICE_PORT', port: settingRows.devicePort.default },
  subscriber: { scheme: 'ws', variable: 'DAT_SUBSCRIBER_PORT', port: settingRows.subscriberPort.default },
  admin: { scheme: 'http', variable: 'DAT_ADMIN_PORT', port: settingRows.adminPort.default },
} as const;

export interface HubOptions {
  readonly deviceUrl?: string;
  readonly subscriberUrl?: string;
  readonly adminUrl?: string;
  /** The name of a context. */
  readonly context?: string;
}

/** A listener, and how to be let in. */
export interface HubEndpoint {
  readonly url: URL;
  /** '' for none. */
  readonly token: string;
}

/** Adds `--device-url` and the like, and `--context`, to a command. */
export function withHub(command: Command, ...wanted: readonly HubListener[]): Command {
  for (const listener of wanted) {
    const { scheme, variable, port } = listeners[listener];
    const otherwise = `default: ${scheme}://127.0.0.1 with the port in ${variable}, else ${port}`;
    command.option(`--${listener}-url <url>`, `the hub's ${listener} listener (${otherwise})`);
  }
  return command.option('--context <name>', 'use this context; see "dat context --help"');
}

/** @throws CliFailure when a URL has another scheme or is not a URL, or a context or a token file cannot be used */
export function endpointOf(
  listener: HubListener,
  options: HubOptions,
  contexts: Contexts = new Contexts(),
): HubEndpoint {
  const flag = options[`${listener}Url`];
  if (flag === undefined && options.context === undefined && !isHubInEnvironment()) {
    const selected = contexts.selected();
    // Its token is for its own address, and goes nowhere else.
    if (selected !== '') {
      const { url, token } = endpointOfContext(listener, selected, contexts);
      return { url, token: tokenFromEnvironment(listener) || token };
    }
  }
  if (options.context === undefined) {
    const url = flag === undefined ? localUrl(listener) : parseUrl(flag, listener, `--${listener}-url`);
    return { url, token: tokenFromEnvironment(listener) };
  }
  const { url, token } = endpointOfContext(listener, options.context, contexts, flag);
  return { url, token: token || tokenFromEnvironment(listener) };
}

function endpointOfContext(
  listener: HubListener,
  name: string,
  contexts: Contexts,
  flag?: string,
): HubEndpoint {
  const context = contexts.load(name);
  const text = flag ?? context[`${listener}Url`];
  if (text === undefined)
    throw new CliFailure(
      Exit.config,
      `context ${name} has no ${listener} listener; pass --${listener}-url, or add the context again with it`,
    );
  const where = flag === undefined ? `context ${name}:` : `--${listener}-url`;
  return { url: parseUrl(text, listener, where), token: tokenOf(context, listener) };
}

/** A port in the environment is that of a hub on this host: no command goes to another hub by accident then. */
function isHubInEnvironment(): boolean {
  return Object.values(listeners).some(({ variable }) => environment(variable) !== '');
}

function localUrl(listener: HubListener): URL {
  const { scheme, variable, port } = listeners[listener];
  return new URL(`${scheme}://127.0.0.1:${portOf(variable, port)}`);
}

/** @throws CliFailure when the text is not a URL of this listener's kind. @param where for the message */
export function parseUrl(text: string, listener: HubListener, where: string): URL {
  const { scheme } = listeners[listener];
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === `${scheme}:` || url?.protocol === `${scheme}s:`) return url;
  const accepted = `${scheme}://HOST:PORT or ${scheme}s://HOST:PORT`;
  throw new CliFailure(Exit.usage, `${where} ${JSON.stringify(text)}: expected ${accepted}`);
}

function tokenOf({ tokenFile = '', adminTokenFile = '' }: Context, listener: HubListener): string {
  const file = listener === 'admin' && adminTokenFile !== '' ? adminTokenFile : tokenFile;
  return file === '' ? '' : tokenIn(file);
}

/** @throws CliFailure when it cannot be sent */
function tokenFromEnvironment(listener: HubListener): string {
  const variable = listener === 'admin' ? 'DAT_ADMIN_TOKEN' : 'DAT_TOKEN';
  const token = environment(variable).trim(); // a file's last line break, as from `$(< token)` of some shells
  if (isSendable(token)) return token;
  throw new CliFailure(Exit.config, `${variable}: expected ${TOKEN_ACCEPTED}`);
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
