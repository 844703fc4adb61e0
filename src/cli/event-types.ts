/** Event types as an option. */
import { InvalidArgumentError } from 'commander';
import { EventType, type EventTypeName } from '../wire/events.ts';

const isType = (text: string): text is EventTypeName => Object.hasOwn(EventType, text);

/** Parses `status,message` for commander. */
export function typesFrom(text: string): readonly EventTypeName[] {
  const types = text.split(',').map((one) => one.trim());
  const known = types.filter(isType);
  if (known.length === types.length) return known;
  throw new InvalidArgumentError(`expected some of ${Object.keys(EventType).join(', ')}`);
}
