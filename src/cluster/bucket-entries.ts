/**
 * What operators set, as entries of the bucket: keys and JSON values. Pure. Whoever may write to the bucket may write
 * anything, so an invalid entry is `undefined`, never an exception.
 */
import { isPattern } from '../access/pattern.ts';
import type { AccessRule } from '../access/rules.ts';
import { ACCESS_RULES_MAX } from '../limits.ts';
import { isId } from '../wire/id.ts';
import type { OperatorChange } from './host.ts';
import { decodeName, encodeName } from './names.ts';

/** Written last when a bucket is filled: one without it does not mean "nothing is set". */
export const MARKER_KEY = 'marker';
/** Held by the node that fills the bucket. */
export const SEEDING_KEY = 'seeding';
const RULES_KEY = 'rules';
const PAIR = 'pair';
const VIP = 'vip';

/** The key in the bucket for an operator's change. */
export function entryKey(change: OperatorChange): string {
  switch (change.kind) {
    case 'pair':
      return `${PAIR}.${encodeName(change.device)}.${encodeName(change.subscriber)}`;
    case 'vip':
      return `${VIP}.${encodeName(change.subscriber)}`;
    case 'rules':
      return RULES_KEY;
  }
}

/** @returns undefined if the entry must be deleted */
export function entryValue(change: OperatorChange): string | undefined {
  switch (change.kind) {
    case 'pair':
      return change.access === undefined ? undefined : JSON.stringify({ access: change.access });
    case 'vip':
      return change.vip ? '{}' : undefined;
    case 'rules':
      return JSON.stringify({ rules: change.rules });
  }
}

/**
 * @param value undefined if the entry was deleted @returns undefined if the entry is not something that operators set
 */
export function entryChange(key: string, value: string | undefined): OperatorChange | undefined {
  const [kind, first = '', second = '', ...rest] = key.split('.');
  const fields = value === undefined ? {} : parse(value);
  if (fields === undefined || rest.length > 0) return undefined;
  if (key === RULES_KEY) return rulesOf(fields);
  const id = decodeName(first);
  if (id === undefined) return undefined;
  if (kind === VIP && second === '') return { kind: VIP, subscriber: id, vip: value !== undefined };
  const subscriber = decodeName(second);
  if (kind !== PAIR || subscriber === undefined) return undefined;
  const { access } = fields;
  if (value !== undefined && access !== 'allow' && access !== 'deny') return undefined;
  return { kind: PAIR, device: id, subscriber, access: access as 'allow' | 'deny' | undefined };
}

/** The opposite of a change: what applies once its entry is gone. */
export function withoutEntry(change: OperatorChange): OperatorChange {
  switch (change.kind) {
    case 'pair':
      return { ...change, access: undefined };
    case 'vip':
      return { ...change, vip: false };
    case 'rules':
      return { ...change, rules: [] };
  }
}

/** @returns the marker's id, undefined if it is not a marker */
export function markerOf(value: string): string | undefined {
  const id = parse(value)?.['id'];
  return typeof id === 'string' && isId(id) ? id : undefined;
}

function rulesOf({ rules = [] }: Fields): OperatorChange | undefined {
  if (!Array.isArray(rules) || rules.length > ACCESS_RULES_MAX || !rules.every(isRule)) return undefined;
  return {
    kind: 'rules',
    rules: rules.map(({ device, subscriber, access }) => ({ device, subscriber, access })),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function isRule(value: unknown): value is AccessRule {
  if (typeof value !== 'object' || value === null) return false;
  const { device, subscriber, access } = value as Partial<AccessRule>;
  const arePatterns = [device, subscriber].every((text) => typeof text === 'string' && isPattern(text));
  return arePatterns && (access === 'allow' || access === 'deny');
}

function parse(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
  } catch {
    return undefined; // not JSON: the caller counts it
  }
}
