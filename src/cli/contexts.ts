/**
 * Contexts: named hubs, each a file with its addresses and the paths of its tokens, readable by its owner alone. One
 * of them may be selected, for commands that name no hub.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { CliFailure, Exit } from './failure.ts';

export interface Context {
  readonly deviceUrl?: string;
  readonly subscriberUrl?: string;
  readonly adminUrl?: string;
  /** Of the token for devices and subscribers, and of that for the admin API where there is no other. */
  readonly tokenFile?: string;
  readonly adminTokenFile?: string;
}

const KEYS: readonly (keyof Context)[] = [
  'deviceUrl',
  'subscriberUrl',
  'adminUrl',
  'tokenFile',
  'adminTokenFile',
];
const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/;
const NAME_ACCEPTED = '1 to 64 of A-Z a-z 0-9 . _ -, not beginning with a dot';

export class Contexts {
  readonly #folder: string;

  /** @param folder default: `dat` in `$XDG_CONFIG_HOME`, else in `~/.config` */
  constructor(folder = defaultFolder()) {
    this.#folder = folder;
  }

  /** @throws CliFailure when the name is not one */
  save(name: string, context: Context): void {
    if (!NAME.test(name))
      throw new CliFailure(
        Exit.usage,
        `${JSON.stringify(name)} is not the name of a context; expected ${NAME_ACCEPTED}`,
      );
    this.#write(this.#fileOf(name), `${JSON.stringify(context, undefined, 2)}\n`);
  }

  has(name: string): boolean {
    return NAME.test(name) && existsSync(this.#fileOf(name));
  }

  names(): string[] {
    if (!existsSync(this.#contextFolder())) return [];
    return readdirSync(this.#contextFolder())
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length))
      .sort();
  }

  /** @throws CliFailure when there is no such context, or its file cannot be read */
  load(name: string): Context {
    if (!this.has(name)) throw this.#unknown(name);
    const file = this.#fileOf(name);
    try {
      return contextOf(JSON.parse(readFileSync(file, 'utf8')));
    } catch {
      throw new CliFailure(Exit.config, `${file} is not a context; remove it with "dat context rm ${name}"`);
    }
  }

  /** @throws CliFailure when there is no such context */
  remove(name: string): void {
    if (!this.has(name)) throw this.#unknown(name);
    rmSync(this.#fileOf(name));
    if (this.selected() === name) this.select('');
  }

  /** @param name '' for none @throws CliFailure when there is no such context */
  select(name: string): void {
    if (name === '') rmSync(this.#selectedFile(), { force: true });
    else if (this.has(name)) this.#write(this.#selectedFile(), `${name}\n`);
    else throw this.#unknown(name);
  }

  /** The name of the selected context, '' for none. */
  selected(): string {
    if (!existsSync(this.#selectedFile())) return '';
    const name = readFileSync(this.#selectedFile(), 'utf8').trim();
    return this.has(name) ? name : '';
  }

  #unknown(name: string): CliFailure {
    const names = this.names();
    const known = names.length === 0 ? 'there are none' : `there are: ${names.join(', ')}`;
    return new CliFailure(Exit.config, `unknown context ${JSON.stringify(name)}; ${known}`);
  }

  #contextFolder(): string {
    return join(this.#folder, 'contexts');
  }

  #fileOf(name: string): string {
    return join(this.#contextFolder(), `${name}.json`);
  }

  #selectedFile(): string {
    return join(this.#folder, 'context');
  }

  /** Whole or not at all, and never readable by others, not even for a moment. */
  #write(file: string, text: string): void {
    mkdirSync(this.#contextFolder(), { recursive: true, mode: 0o700 });
    const unfinished = `${file}.${process.pid}`;
    writeFileSync(unfinished, text, { mode: 0o600 });
    chmodSync(unfinished, 0o600); // whatever was there before had its own mode
    renameSync(unfinished, file);
  }
}

function contextOf(value: unknown): Context {
  const given = value as Readonly<Record<string, unknown>>;
  const entries = KEYS.filter((key) => typeof given[key] === 'string').map((key) => [key, given[key]]);
  return Object.fromEntries(entries) as Context;
}

function defaultFolder(): string {
  const { XDG_CONFIG_HOME: base = '' } = process.env;
  return join(base === '' ? join(homedir(), '.config') : base, 'dat');
}

/** The token in a file, as an editor or `echo` left it. @throws CliFailure when the file cannot be read, or is empty */
export function tokenIn(file: string): string {
  let token: string;
  try {
    token = readFileSync(resolve(file), 'utf8').trim();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new CliFailure(Exit.config, `token file ${file}: ${code === 'ENOENT' ? 'no such file' : code}`);
  }
  if (token !== '' && isSendable(token)) return token;
  throw new CliFailure(Exit.config, `token file ${file}: expected ${TOKEN_ACCEPTED}`);
}

/** Completes "expected …". */
export const TOKEN_ACCEPTED = 'one token: visible ASCII characters without spaces';

/** Whether a header of HTTP can carry the token; of an error about one that it cannot, the token would be a part. */
export function isSendable(token: string): boolean {
  return /^[!-~]*$/.test(token);
}
