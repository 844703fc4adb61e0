/**
 * Translates MQTT topic filters into the hub's ids, filters and kinds. A topic filter is granted only if ids and
 * prefixes with `*` can express exactly the devices that it matches; it is never approximated.
 */
import { isIdPrefix } from '../id.ts';
import { Reason } from './constants.ts';
import { TOPIC_BYTES_MAX } from './limits.ts';
import { isShared } from './packets.ts';
import { isIdPart, Kind, kindNames, type Template, Wildcard } from './templates.ts';
import { idOf, type TopicLayout } from './topics.ts';

/** Devices that a topic filter matches, and the kinds of events it matches. */
export interface FilterMatch {
  /** An id, or a prefix followed by `*`. */
  readonly name: string;
  /** Bits of `Kind`, without interest. */
  readonly kinds: number;
}

export type Expressed =
  /** `interestOf`: the device whose interest topic the filter matches, if it matches exactly one */
  | { readonly ok: true; readonly targets: readonly FilterMatch[]; readonly interestOf: string | undefined }
  /** `reason` is a `Reason` for SUBACK */
  | { readonly ok: false; readonly reason: number; readonly message: string };

const ALL = '*';
const MULTI = '#';
const SINGLE = '+';

/** Names of targets; undefined when ids and prefixes cannot express the match exactly. */
type Matched = ReadonlySet<string> | undefined;

/** A topic filter as what the hub can follow: ids, prefixes and kinds of events; or why it cannot. */
export function express(layout: TopicLayout, filter: string): Expressed {
  if (filter.length > TOPIC_BYTES_MAX)
    return refusal(`a topic filter of ${filter.length} characters; expected at most ${TOPIC_BYTES_MAX}`);
  const levels = filter.split('/');
  if (isShared(filter))
    return refusal('shared subscriptions are not supported', Reason.sharedSubscriptionsNotSupported);
  const syntax = syntaxProblem(filter, levels);
  if (syntax !== undefined) return refusal(syntax);
  const isOpen = levels.at(-1) === MULTI;
  const fixed = isOpen ? levels.slice(0, -1) : levels;
  const found = new Targets();
  const elsewhere = new Map<number, Template>();
  for (const template of layout.templates) {
    const matched = match(template, fixed, isOpen);
    if (matched === undefined)
      return refusal(`${shown(filter)} fits more or fewer devices than an id or a prefix can name`);
    if (matched.size === 0) continue;
    if (layout.sendsOn(template)) found.add(matched, template.kind);
    else if (!elsewhere.has(template.kind)) elsewhere.set(template.kind, template);
  }
  for (const kind of elsewhere.keys()) {
    if ((found.kinds & kind) === 0) return refusal(otherTopic(layout, kind));
  }
  return found.kinds === 0 ? refusal(`${shown(filter)} fits no topic of this hub`) : found.result();
}

function refusal(message: string, reason: number = Reason.topicFilterInvalid): Expressed {
  return { ok: false, reason, message };
}

function otherTopic(layout: TopicLayout, kind: number): string {
  const name = kindNames.find((candidate) => Kind[candidate] === kind);
  return `events of type ${name} are sent on ${layout.templateOf(kind)}`;
}

function syntaxProblem(filter: string, levels: readonly string[]): string | undefined {
  if (filter === '') return 'an empty topic filter';
  const misplaced = levels.findIndex((level, index) =>
    level.length > 1 ? /[+#]/.test(level) : level === MULTI && index !== levels.length - 1,
  );
  return misplaced < 0 ? undefined : `${shown(filter)}: + stands for a whole level, # for the last`;
}

/** The targets of all templates together. */
class Targets {
  kinds = 0;
  readonly #byName = new Map<string, number>();
  readonly #interest = new Set<string>();

  add(names: ReadonlySet<string>, kind: number): void {
    this.kinds |= kind;
    for (const name of names) {
      if (kind === Kind.interest) this.#interest.add(name);
      else this.#byName.set(name, (this.#byName.get(name) ?? 0) | kind);
    }
  }

  result(): Expressed {
    const targets = [...this.#byName].map(([name, kinds]) => ({ name, kinds }));
    const [interestOf] = this.#interest;
    const isOneDevice = this.#interest.size === 1 && interestOf?.endsWith(ALL) === false;
    if (targets.length === 0 && !isOneDevice)
      return refusal('interest is known of one device at a time: name its id');
    return { ok: true, targets, interestOf: isOneDevice ? interestOf : undefined };
  }
}

const NOTHING: ReadonlySet<string> = new Set();
const EVERYTHING: ReadonlySet<string> = new Set([ALL]);

/**
 * The devices whose topics of this template the filter matches.
 * @param fixed the filter's levels before `#`
 * @param isOpen whether `#` follows, which matches zero or more levels
 */
function match(template: Template, fixed: readonly string[], isOpen: boolean): Matched {
  const { prefix, wildcard } = template;
  if (!fits(fixed.slice(0, prefix.length), prefix.slice(0, fixed.length))) return NOTHING;
  return wildcard === Wildcard.one ? matchOne(template, fixed, isOpen) : matchMany(template, fixed, isOpen);
}

/** Whether literal levels match the filter's, level by level. */
function fits(filter: readonly string[], literals: readonly string[]): boolean {
  return (
    filter.length === literals.length &&
    literals.every((literal, index) => filter[index] === SINGLE || filter[index] === literal)
  );
}

function matchOne(
  { prefix, wildcard, suffix }: Template,
  fixed: readonly string[],
  isOpen: boolean,
): Matched {
  const length = prefix.length + 1 + suffix.length;
  if (isOpen ? fixed.length > length : fixed.length !== length) return NOTHING;
  const behind = fixed.slice(prefix.length + 1);
  if (!fits(behind, suffix.slice(0, behind.length))) return NOTHING;
  const level = fixed[prefix.length];
  if (level === undefined || level === SINGLE) return EVERYTHING;
  const id = idOf(wildcard, [level]);
  return id === undefined ? NOTHING : new Set([id]);
}

/** With `{device+}`, the filter may end inside the device's levels or after them. */
function matchMany(
  { prefix, wildcard, suffix }: Template,
  fixed: readonly string[],
  isOpen: boolean,
): Matched {
  const named = fixed.slice(prefix.length);
  // With no device level given, or a single `+`, every device matches.
  if (isOpen && (named.length === 0 || (named.length === 1 && named[0] === SINGLE))) return EVERYTHING;
  if (isOpen && named.includes(SINGLE)) return undefined;
  const names = new Set<string>();
  const below = `${named.join('.')}.`;
  if (isOpen && named.every(isIdPart) && isIdPrefix(below)) names.add(`${below}${ALL}`);
  const most = isOpen ? named.length : named.length - suffix.length;
  const least = Math.max(1, named.length - suffix.length);
  for (let count = least; count <= most; count++) {
    const behind = named.slice(count);
    if (!fits(behind, suffix.slice(0, behind.length))) continue;
    const levels = named.slice(0, count);
    if (levels.includes(SINGLE)) return undefined;
    const id = idOf(wildcard, levels);
    if (id !== undefined) names.add(id);
  }
  return names;
}

const SHOWN_CHARACTERS_MAX = 80;

function shown(filter: string): string {
  return filter.length > SHOWN_CHARACTERS_MAX ? `${filter.slice(0, SHOWN_CHARACTERS_MAX)}…` : filter;
}
