/**
 * Templates of the topic layout, from `DAT_MQTT_TOPICS`: `factory/{device}/telemetry=message`. They are validated at
 * start: no topic may match two templates.
 */
import { isId } from '../id.ts';
import { TEMPLATE_CHARACTERS_MAX, TEMPLATES_MAX } from './limits.ts';

/** What a topic carries. The values are bits, so a set of kinds is a number. */
export const Kind = { pong: 1, message: 2, status: 4, presence: 8, interest: 16 } as const;
export type KindName = keyof typeof Kind;
export const kindNames = Object.keys(Kind) as KindName[];

export const Wildcard = {
  /** `{device}`: one level, which is the id. */
  one: 'one',
  /** `{device+}`: one or more levels, which are joined by dots in the id. */
  many: 'many',
} as const;

export interface Template {
  /** As it was written, without its type. */
  readonly text: string;
  readonly kind: number;
  /** Levels before the device's. */
  readonly prefix: readonly string[];
  readonly wildcard: (typeof Wildcard)[keyof typeof Wildcard];
  /** Levels after the device's. */
  readonly suffix: readonly string[];
}

/** The default layout. `{type}` stands for each type. */
export const DEFAULT_TEMPLATES = ['devices/{device}/{type}'] as const;

/** Completes "accepted is …". */
export const TEMPLATES_ACCEPTED =
  'a list of TEMPLATE=TYPE, where TEMPLATE has one level {device} or {device+} and TYPE is message, status, pong, ' +
  'presence or interest';

export type ReadTemplates =
  | { readonly ok: true; readonly templates: readonly Template[] }
  /** One line for each. */
  | { readonly ok: false; readonly problems: readonly string[] };

/** @param entries in order of precedence: the hub sends on the first template of a type */
export function readTemplates(entries: readonly string[]): ReadTemplates {
  const templates: Template[] = [];
  const problems: string[] = [];
  for (const entry of entries) {
    for (const read of readEntry(entry.trim())) {
      if (typeof read === 'string') problems.push(read);
      else templates.push(read);
    }
  }
  if (entries.length === 0) problems.push('an empty list; expected at least one TEMPLATE=TYPE');
  if (templates.length > TEMPLATES_MAX)
    problems.push(`${templates.length} templates; expected at most ${TEMPLATES_MAX}`);
  else problems.push(...overlaps(templates));
  return problems.length === 0 ? { ok: true, templates } : { ok: false, problems: [...new Set(problems)] };
}

const TYPE = '{type}';

/** An entry with `{type}` expands to five templates. */
function readEntry(entry: string): (Template | string)[] {
  const at = entry.lastIndexOf('=');
  if (entry.includes(TYPE)) {
    if (at >= 0) return [`${quoted(entry)}: has {type} and =TYPE; expected one of them`];
    return kindNames.map((name) => readTemplate(entry.replace(TYPE, name), Kind[name], entry));
  }
  if (at < 0) return [`${quoted(entry)}: =TYPE is missing; expected ${types()}`];
  const type = entry.slice(at + 1);
  if (!Object.hasOwn(Kind, type)) return [`${quoted(entry)}: type ${quoted(type)}; expected ${types()}`];
  return [readTemplate(entry.slice(0, at), Kind[type as KindName], entry)];
}

function types(): string {
  return `${kindNames.slice(0, -1).join(', ')} or ${kindNames.at(-1)}`;
}

/** @param entry quoted in the message @returns the template, or the problem */
function readTemplate(text: string, kind: number, entry: string): Template | string {
  const levels = text.split('/');
  const places = levels.flatMap((level, index) => (isPlaceholder(level) ? [index] : []));
  const problem = templateProblem(text, levels, places.length);
  if (problem !== undefined) return `${quoted(entry)}: ${problem}`;
  const place = places[0]!;
  return {
    text,
    kind,
    prefix: levels.slice(0, place),
    wildcard: levels[place] === '{device}' ? Wildcard.one : Wildcard.many,
    suffix: levels.slice(place + 1),
  };
}

function isPlaceholder(level: string): boolean {
  return level === '{device}' || level === '{device+}';
}

function templateProblem(text: string, levels: readonly string[], places: number): string | undefined {
  if (text.length > TEMPLATE_CHARACTERS_MAX)
    return `${text.length} characters; expected at most ${TEMPLATE_CHARACTERS_MAX}`;
  for (const level of levels) {
    if (!isPlaceholder(level) && /[{}]/.test(level))
      return `level ${quoted(level)}; expected {device} or {device+} as a whole level`;
    if (!isPlaceholder(level) && /[+#]/.test(level))
      return `level ${quoted(level)}; + and # are for those who subscribe`;
  }
  if (places !== 1) return `${places} levels for the device; expected one {device} or {device+}`;
  if (text.startsWith('$')) return 'starts with $, which MQTT reserves for servers';
  if (text.includes('\0')) return 'contains U+0000, which no topic may contain';
  if (!isWellFormed(text)) return 'is not Unicode';
  return undefined;
}

function isWellFormed(text: string): boolean {
  return Buffer.from(text).toString() === text;
}

/** One line for each pair of templates that can match the same topic. */
function overlaps(templates: readonly Template[]): string[] {
  return templates.flatMap((template, index) =>
    templates
      .slice(0, index)
      .filter((other) => overlap(template, other))
      .map(
        (other) =>
          `${quoted(template.text)} and ${quoted(other.text)} fit the same topic; one must be changed`,
      ),
  );
}

/**
 * Whether some topic matches both. For two templates of variable length it is enough to look at a topic so long that
 * the prefix of one never meets the suffix of the other.
 */
function overlap(a: Template, b: Template): boolean {
  const lengths = [a, b].map(({ prefix, suffix }) => prefix.length + 1 + suffix.length) as [number, number];
  if (a.wildcard === Wildcard.one && b.wildcard === Wildcard.one && lengths[0] !== lengths[1]) return false;
  if (a.wildcard === Wildcard.one && lengths[1] > lengths[0]) return false;
  if (b.wildcard === Wildcard.one && lengths[0] > lengths[1]) return false;
  const bothOpen = a.wildcard === Wildcard.many && b.wildcard === Wildcard.many;
  const length = bothOpen
    ? lengths[0] + lengths[1]
    : Math.min(...[a, b].flatMap((t, i) => (t.wildcard === Wildcard.one ? [lengths[i]!] : [])));
  for (let i = 0; i < length; i++) {
    const [ofA, ofB] = [literalAt(a, i, length), literalAt(b, i, length)];
    if (ofA !== undefined && ofB !== undefined && ofA !== ofB) return false;
    if (ofA === undefined && ofB !== undefined && !fitsDevice(a, ofB)) return false;
    if (ofB === undefined && ofA !== undefined && !fitsDevice(b, ofA)) return false;
  }
  return true;
}

/** Whether a literal level is possible at the template's device level: a whole id, or a part between dots. */
function fitsDevice({ wildcard }: Template, level: string): boolean {
  return wildcard === Wildcard.one ? isId(level) : isIdPart(level);
}

/** What stands between two dots of an id; it may be empty. */
export function isIdPart(level: string): boolean {
  return level === '' || (isId(level) && !level.includes('.'));
}

/** @returns the template's literal at that level of a topic of `length` levels, undefined for the device's levels */
function literalAt({ prefix, suffix }: Template, index: number, length: number): string | undefined {
  return index < prefix.length ? prefix[index] : suffix[index - (length - suffix.length)];
}

/** Quoted, and cut. */
function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
