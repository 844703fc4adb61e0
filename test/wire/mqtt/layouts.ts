/** Topic layouts for tests. */
import fc from 'fast-check';
import { isId } from '../../../src/wire/id.ts';
import { DEFAULT_TEMPLATES, readTemplates } from '../../../src/wire/mqtt/templates.ts';
import { TopicLayout } from '../../../src/wire/mqtt/topics.ts';

export function layoutOf(...entries: string[]): TopicLayout {
  const read = readTemplates(entries);
  if (!read.ok) throw new Error(read.problems.join('\n'));
  return new TopicLayout(read.templates);
}

export const layouts: fc.Arbitrary<TopicLayout> = fc.constantFrom(
  layoutOf(...DEFAULT_TEMPLATES),
  layoutOf('{device+}/telemetry=message', '{device+}/state=status'),
  layoutOf('a/{device+}/x/y=message', 'a/{device+}/x=status', 'p/{device}=presence'),
  layoutOf('{device}=message'),
  layoutOf('{device+}=message'),
  layoutOf('/{device}/=message', 'a/b/{device}/x=status', 'a/{device}/x=pong'),
  layoutOf('v2/{device}/data=message', 'v1/{device}=message', 'v1/{device}/b=presence'),
);

/** Ids that are likely to meet the levels of these layouts. */
export const ids: fc.Arbitrary<string> = fc
  .array(fc.constantFrom('a', 'b', 'x', 'y', 'dev-1', 'telemetry', 'state', 'message', ''), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => parts.join('.'))
  .filter(isId);
