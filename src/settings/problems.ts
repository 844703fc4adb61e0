/**
 * Describes an invalid setting in one line: where it is, what was given, what is expected, and a hint.
 * An unknown name is printed without its value, since it may be the misspelt name of a secret.
 */
import { nearest as nearestOf } from '../did-you-mean.ts';
import { rowOf, type SettingKey, settingKeys } from './schema.ts';

const SHOWN_CHARACTERS_MAX = 60;

/** Line breaks that JSON does not escape, and characters that move a terminal's cursor or reverse its text. */
const UNPRINTABLE = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** The part before the host of a URL: a user with a password, or a token. A slash in it is wrong, but still secret. */
const CREDENTIALS = /(?<=:\/\/)[^\s,?#]*@/g;

/** Removes the credentials from URLs in the text. */
export function withoutCredentials(text: string): string {
  return text.replace(CREDENTIALS, '********@');
}

/** A value or name for use in a line: quoted, escaped and cut, without the credentials of URLs. */
export function shown(value: unknown): string {
  if (value === undefined || value === '') return value === '' ? 'an empty string' : 'nothing';
  if (Array.isArray(value)) {
    return value.every((item) => typeof item === 'string') ? shown(value.join(',')) : 'a list';
  }
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value !== 'string') return String(value);
  const text = withoutCredentials(value);
  const cut = text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
  return JSON.stringify(cut).replace(
    UNPRINTABLE,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** @param where where it is: `flag --host`, `env DAT_HOST`, `file dat.json, key host` */
export function problem(where: string, given: string, expected: string, hint?: string): string {
  return `${where}: got ${given}, expected ${expected}${hint === undefined ? '' : `; did you mean ${hint}?`}`;
}

/** A value that the setting's kind does not accept. */
export function wrongValue(where: string, key: SettingKey, value: unknown): string {
  const { kind, secret } = rowOf(key);
  if (secret)
    return problem(where, value === undefined ? 'nothing' : 'a value that is not shown', kind.accepted);
  const hint = typeof value === 'string' ? nearestName(value, kind.words) : undefined;
  return problem(where, shown(value), kind.accepted, hint === undefined ? undefined : shown(hint));
}

/** Why a file could not be read. */
export function readFailure(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null | undefined)?.code;
  return code === 'ENOENT' ? 'no such file' : typeof code === 'string' ? shown(code) : 'a read error';
}

/** Names compare without case and separators: `device_port`, `DAT_DEVICE_PORT` and `devicePort` are the same. */
function plain(name: string): string {
  return name
    .slice(0, 2 * SHOWN_CHARACTERS_MAX)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .replace(/^dat(?=.)/, '');
}

/** The candidate that was probably meant; undefined if none is close. */
export function nearestName(given: string, candidates: readonly string[]): string | undefined {
  return nearestOf(given, candidates, plain);
}

export interface NamesOfSource {
  /** Where it is, with the name as it was given. */
  readonly where: string;
  /** What the source calls a name: `flag`, `variable`, `key`. */
  readonly noun: string;
  /** How the source spells a setting. */
  readonly spell: (key: string) => string;
  /** Names that the source accepts besides the settings. */
  readonly others: readonly string[];
}

/** A name that is not a setting. */
export function unknownName(given: string, names: NamesOfSource): string {
  const { where, noun, spell, others } = names;
  const meant = nearestName(given, [...settingKeys, ...others]);
  return problem(where, `an unknown ${noun}`, 'one listed by dat serve --help', meant && spell(meant));
}
