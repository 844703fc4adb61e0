/**
 * The kinds of values that settings have, each in words and as a schema. Flags and environment variables give strings;
 * the config file gives strings or native JSON. One schema accepts both. Pure; main thread, at start.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { CLUSTER_NAME_ACCEPTED, ID_ACCEPTED, isClusterName, isId } from '../wire/id.ts';
import { TEMPLATES_ACCEPTED } from '../wire/mqtt/templates.ts';

/** Linux accepts no longer paths. */
const PATH_CHARACTERS_MAX = 4095;

export interface SettingKind<Value> {
  readonly schema: z.ZodType<Value>;
  /** Completes "expected …". */
  readonly accepted: string;
  /** Stands for the value in the help. */
  readonly placeholder: string;
  /** The words to choose from, if any; a misspelt one gets a hint. */
  readonly words: readonly string[];
}

/** `DAT_HOST` may be a name; DNS allows 253 characters. */
const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})$/;
/** Digits and dots are an address; an invalid one must not pass as a name. */
const NUMERIC = /^[0-9.]+$/;
const WHOLE_NUMBER = /^(?:0|-?[1-9][0-9]*)$/;
/** A comma would end it in the list; `*` is not a wildcard here, and no client sends it. */
const ORIGIN = /^(?!\*$)[\x21-\x2b\x2d-\x7e]+$/;
/** Visible ASCII: what fits in an Authorization header without quoting. */
const TOKEN = /^[\x21-\x7e]{1,1024}$/;

/** Whole numbers from `least` to `most`; no exponent, no plus sign, no spaces. */
function wholeNumberSchema(least: number, most: number): z.ZodType<number> {
  const digits = z.string().regex(WHOLE_NUMBER).transform(Number);
  return z.union([z.int(), digits]).pipe(z.int().min(least).max(most));
}

/** @param unit what is counted, in the plural: `ms`, `bytes`, `devices` */
export function wholeNumber(least: number, most: number, unit: string): SettingKind<number> {
  return {
    schema: wholeNumberSchema(least, most),
    accepted: `a whole number from ${least} to ${most} (${unit})`,
    placeholder: unit.split(' ')[0] ?? unit,
    words: [],
  };
}

/** One `word`, or a whole number. */
export function wordOrNumber<Word extends string>(
  word: Word,
  least: number,
  most: number,
): SettingKind<Word | number> {
  return {
    schema: z.union([z.literal(word), wholeNumberSchema(least, most)]),
    accepted: `${word}, or a whole number from ${least} to ${most}`,
    placeholder: `${word}|count`,
    words: [word],
  };
}

/** One of these words. */
export function oneOf<const Word extends string>(
  ...words: readonly [Word, Word, ...Word[]]
): SettingKind<Word> {
  return {
    schema: z.enum(words),
    accepted: `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`,
    placeholder: words.length > 3 ? 'word' : words.join('|'),
    words,
  };
}

export const trueOrFalse: SettingKind<boolean> = {
  schema: z
    .union([z.boolean(), z.enum(['true', 'false']).transform((word) => word === 'true')])
    .pipe(z.boolean()),
  accepted: 'true or false',
  placeholder: 'true|false',
  words: ['true', 'false'],
};

export const hostAddress: SettingKind<string> = {
  schema: z.string().refine((host) => isIP(host) !== 0 || (HOST_NAME.test(host) && !NUMERIC.test(host))),
  accepted: 'an IPv4 or IPv6 address without brackets, or a host name',
  placeholder: 'address',
  words: [],
};

export const bearerToken: SettingKind<string> = {
  schema: z.string().regex(TOKEN),
  accepted: '1 to 1024 visible ASCII characters without spaces',
  placeholder: 'token',
  words: [],
};

export const secretText: SettingKind<string> = {
  schema: z.string().min(1).max(4096),
  accepted: '1 to 4096 characters',
  placeholder: 'secret',
  words: [],
};

/** @param what it names: `the path of a PEM file` */
export function text(what: string, placeholder: string): SettingKind<string> {
  return { schema: z.string().max(4096), accepted: what, placeholder, words: [] };
}

/** Over plain HTTP anyone on the path could substitute other keys. */
function isKeySetUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  const here = hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  return isFetchable(url) && (protocol === 'https:' || here);
}

/** `fetch` refuses a URL with a user name or a password, so each request would fail. */
function isFetchable(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, username, password } = new URL(url);
  return /^https?:$/.test(protocol) && username === '' && password === '';
}

export const keySetUrl: SettingKind<string> = {
  schema: z.string().refine((url) => url === '' || isKeySetUrl(url)),
  accepted: 'an https URL, or an http URL of a loopback address, without a user name',
  placeholder: 'url',
  words: [],
};

/** Where requests go: http is for a receiver on the same host or network. */
export const requestUrl: SettingKind<string> = {
  schema: z
    .string()
    .max(4096)
    .refine((url) => url === '' || isFetchable(url)),
  accepted: 'an http or https URL without a user name',
  placeholder: 'url',
  words: [],
};

/** As Standard Webhooks writes them. */
export const webhookSecret: SettingKind<string> = {
  schema: z
    .string()
    .regex(/^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,4}={0,2})$/)
    .max(1024),
  accepted: 'whsec_ and base64, of 24 to 64 random bytes',
  placeholder: 'secret',
  words: [],
};

export const filePath: SettingKind<string> = {
  schema: z
    .string()
    .max(PATH_CHARACTERS_MAX)
    .refine((path) => !path.includes('\0')),
  accepted: 'the path of a file in a writable directory, or empty for none',
  placeholder: 'path',
  words: [],
};

const splitAtCommas = z.string().transform((list) => list.split(',').map((item) => item.trim()));

function listOf(item: z.ZodString): z.ZodType<readonly string[]> {
  return z.union([z.array(z.string()), splitAtCommas]).pipe(z.array(item));
}

export const origins: SettingKind<readonly string[]> = {
  schema: listOf(z.string().regex(ORIGIN)),
  accepted:
    'a list, separated by commas, of origins exactly as clients send them, such as https://board.example, file:// or null',
  placeholder: 'origins',
  words: [],
};

/** A rule checks the parts between the commas, and says what is wrong with each. */
export const topicTemplates: SettingKind<readonly string[]> = {
  schema: listOf(z.string().min(1)),
  accepted: TEMPLATES_ACCEPTED,
  placeholder: 'templates',
  words: [],
};

/** As in a Host header, without the port. */
export const hostNames: SettingKind<readonly string[]> = {
  schema: listOf(z.string().refine((host) => isIP(host) !== 0 || HOST_NAME.test(host))),
  accepted: 'a list, separated by commas, of host names or addresses without port, such as dat.example',
  placeholder: 'hosts',
  words: [],
};

export const natsUrls: SettingKind<readonly string[]> = {
  schema: listOf(z.string().refine(isNatsUrl)),
  accepted: 'a list, separated by commas, of URLs such as nats://host:4222 or tls://host:4222',
  placeholder: 'urls',
  words: [],
};

function isNatsUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname, search, hash } = new URL(text);
  const isBare = (pathname === '' || pathname === '/') && search === '' && hash === '';
  return (protocol === 'nats:' || protocol === 'tls:') && hostname !== '' && isBare;
}

/** An id, as for devices; '' if it is optional. */
export function idOrNone(none: string): SettingKind<string> {
  return {
    schema: z.string().refine((value) => value === none || isId(value)),
    accepted: ID_ACCEPTED,
    placeholder: 'id',
    words: [],
  };
}

/** Of a cluster: part of names in NATS, so fewer characters than an id has. */
export const clusterName: SettingKind<string> = {
  schema: z.string().refine(isClusterName),
  accepted: CLUSTER_NAME_ACCEPTED,
  placeholder: 'name',
  words: [],
};
