import { describe, expect, it } from 'vitest';
import { TEMPLATES_MAX } from '../../../src/wire/mqtt/limits.ts';
import { DEFAULT_TEMPLATES, Kind, readTemplates } from '../../../src/wire/mqtt/templates.ts';

function problemsOf(...entries: string[]): readonly string[] {
  const read = readTemplates(entries);
  return read.ok ? [] : read.problems;
}

describe('the topic layout', () => {
  it('has five topics per device by default', () => {
    const read = readTemplates(DEFAULT_TEMPLATES);
    expect(read).toMatchObject({ ok: true });
    expect(read.ok && read.templates.map(({ text, kind }) => [text, kind])).toEqual([
      ['devices/{device}/pong', Kind.pong],
      ['devices/{device}/message', Kind.message],
      ['devices/{device}/status', Kind.status],
      ['devices/{device}/presence', Kind.presence],
      ['devices/{device}/interest', Kind.interest],
    ]);
  });

  it.each([
    ['factory/{device}/telemetry=message'],
    ['{device}=message'],
    ['{device+}/telemetry=message', '{device+}/state=status'],
    ['a/{device}/x=message', 'a/{device}/y=message'],
    ['a/{device}/x=message', 'a/{device}/x/x=message'],
    ['/leading/{device}/=message'],
    ['homie/{device}/$state=status', 'homie/{device}/{type}'],
    ['a=b/{device}=message'],
    [' a/{device}/x=message ', 'b/{device}/x=status'],
    // A literal that no id can be keeps two apart that would overlap otherwise.
    ['a/{device}/x=message', 'a/$all/{device}=status'],
    ['a/{device+}/x=message', 'a/b.c/{device}=status'],
  ])('takes %s', (...entries) => {
    expect(problemsOf(...entries)).toEqual([]);
  });

  it.each<[string[], RegExp]>([
    [[], /an empty list; expected at least one TEMPLATE=TYPE/],
    [
      ['a/{device}/x'],
      /"a\/\{device\}\/x": =TYPE is missing; expected pong, message, status, presence or interest/,
    ],
    [['a/{device}/x=messages'], /type "messages"; expected pong, message/],
    [['a/{device}/x=toString'], /type "toString"/],
    [['a/b=message'], /0 levels for the device; expected one \{device\} or \{device\+\}/],
    [['{device}/{device}=message'], /2 levels for the device/],
    [['{device}/{device+}=message'], /2 levels for the device/],
    [
      ['a/dev-{device}=message'],
      /level "dev-\{device\}"; expected \{device\} or \{device\+\} as a whole level/,
    ],
    [['a/{id}=message'], /level "\{id\}"/],
    [['a/{device}/+=message'], /level "\+"; \+ and # are for those who subscribe/],
    [['a/{device}/#=message'], /level "#"/],
    [['$a/{device}=message'], /starts with \$, which MQTT reserves for servers/],
    [['a/{device}/\0=message'], /U\+0000/],
    [['a/{device}/\ud800=message'], /not Unicode/],
    [[`${'a'.repeat(250)}/{device}=message`], /259 characters; expected at most 256/],
    [['a/{device}/{type}=message'], /has \{type\} and =TYPE; expected one of them/],
    [['a/{type}'], /0 levels for the device/],
    [
      ['a/{device}/x=message', 'a/{device}/x=status'],
      /"a\/\{device\}\/x" and "a\/\{device\}\/x" fit the same topic/,
    ],
    [['a/{device}=message', '{device}/b=status'], /"\{device\}\/b" and "a\/\{device\}" fit the same topic/],
    [['{device+}=message', 'a/{device}/x=status'], /fit the same topic/],
    [['{device+}/x=message', 'a/{device+}=status'], /fit the same topic/],
    [['{device+}/x=message', '{device}/x=status'], /fit the same topic/],
  ])('refuses %j', (entries, message) => {
    expect(problemsOf(...entries).join('\n')).toMatch(message);
  });

  it('reports each problem once', () => {
    expect(problemsOf('a/{device}', '$b/{device}/{type}', 'c/{device}=message')).toHaveLength(2);
  });

  it('is limited to 64 templates', () => {
    const many = Array.from({ length: TEMPLATES_MAX + 1 }, (_, i) => `t${i}/{device}=message`);
    expect(problemsOf(...many.slice(1))).toEqual([]);
    expect(problemsOf(...many)).toEqual(['65 templates; expected at most 64']);
  });
});
