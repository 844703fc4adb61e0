import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches } from '../../../src/access/pattern.ts';
import { Reason } from '../../../src/wire/mqtt/constants.ts';
import { express } from '../../../src/wire/mqtt/filters.ts';
import { DEFAULT_TEMPLATES, Kind } from '../../../src/wire/mqtt/templates.ts';
import { runs } from '../../support/runs.ts';
import { ids, layoutOf, layouts } from './layouts.ts';

const usual = layoutOf(...DEFAULT_TEMPLATES);
const plant = layoutOf('{device+}/telemetry=message', '{device+}/state=status');
const mixed = layoutOf('factory/{device}/telemetry=message', 'lab/{device+}/status=status');
const twice = layoutOf('v2/{device}/data=message', 'v1/{device}/data=message', 'v1/{device}/status=status');
const { pong, message, status, presence } = Kind;
const ALL = pong | message | status | presence;

/** Ids and prefixes with the kinds asked of each. */
function targetsOf(layout: typeof usual, filter: string): Record<string, number> | string {
  const expressed = express(layout, filter);
  if (!expressed.ok) return `0x${expressed.reason.toString(16)} ${expressed.message}`;
  return Object.fromEntries(expressed.targets.map(({ name, kinds }) => [name, kinds]));
}

describe('a topic filter under devices/{device}/{type}', () => {
  it.each<[string, Record<string, number>]>([
    ['devices/dev-1/message', { 'dev-1': message }],
    ['devices/dev-1/status', { 'dev-1': status }],
    ['devices/dev-1/presence', { 'dev-1': presence }],
    ['devices/dev-1/#', { 'dev-1': ALL }],
    ['devices/dev-1/+', { 'dev-1': ALL }],
    ['devices/dev-1/message/#', { 'dev-1': message }],
    ['devices/site-a.line-1/message', { 'site-a.line-1': message }],
    ['devices/+/status', { '*': status }],
    ['devices/+/+', { '*': ALL }],
    ['devices/+/#', { '*': ALL }],
    ['devices/#', { '*': ALL }],
    ['#', { '*': ALL }],
    ['+/#', { '*': ALL }],
    ['+/+/+', { '*': ALL }],
    ['+/dev-1/message', { 'dev-1': message }],
    ['+/+/message', { '*': message }],
  ])('%s is understood', (filter, expected) => {
    expect(targetsOf(usual, filter)).toEqual(expected);
  });

  it.each<[string, RegExp]>([
    ['', /^0x8f an empty topic filter/],
    ['devices/+/x/message', /^0x8f .* fits no topic of this hub/],
    ['devices', /fits no topic/],
    ['devices/dev-1', /fits no topic/],
    ['devices/dev-1/messages', /fits no topic/],
    ['devices/dev-1/message/x', /fits no topic/],
    ['devices/dev 1/message', /fits no topic/],
    ['devices/site-a*/message', /fits no topic/],
    ['devices/site-a.+/message', /\+ stands for a whole level/],
    ['devices/#/message', /# for the last/],
    ['devices/dev-1#', /# for the last/],
    ['+', /fits no topic/],
    ['+/+', /fits no topic/],
    ['$SYS/#', /fits no topic/],
    ['$SYS/broker/uptime', /fits no topic/],
    ['/devices/dev-1/message', /fits no topic/],
    ['homeassistant/#', /fits no topic/],
    ['$share/group/devices/#', /^0x9e shared subscriptions are not supported/],
    ['$share', /^0x9e/],
    ['devices/+/interest', /interest is known of one device at a time/],
    ['a/'.repeat(600), /a topic filter of 1200 characters; expected at most 1024/],
  ])('%s is refused', (filter, expected) => {
    expect(targetsOf(usual, filter)).toMatch(expected);
  });

  it.each<[string, string | undefined]>([
    ['devices/dev-1/interest', 'dev-1'],
    ['devices/dev-1/#', 'dev-1'],
    ['devices/dev-1/+', 'dev-1'],
    ['devices/dev-1/message', undefined],
    ['devices/#', undefined],
    ['#', undefined],
  ])('%s asks for the interest in %s', (filter, interestOf) => {
    expect(express(usual, filter)).toMatchObject({ ok: true, interestOf });
  });
});

describe('a topic filter under {device+}/telemetry', () => {
  const both = message | status;
  it.each<[string, Record<string, number>]>([
    ['site-a/line-1/telemetry', { 'site-a.line-1': message }],
    // The device site-a itself is below site-a/ as well: its topic is site-a/telemetry.
    ['site-a/#', { 'site-a': both, 'site-a.*': both }],
    ['site-a/line-1/#', { 'site-a.line-1': both, 'site-a.line-1.*': both }],
    ['site-a/telemetry/#', { 'site-a': message, 'site-a.telemetry': both, 'site-a.telemetry.*': both }],
    ['site-a/state', { 'site-a': status }],
    // An id may begin with dots, although `.` and `..` are none.
    ['/#', { '.*': both }],
    ['//#', { '..*': both }],
    ['#', { '*': both }],
    ['+/#', { '*': both }],
  ])('%s is understood', (filter, expected) => {
    expect(targetsOf(plant, filter)).toEqual(expected);
  });

  it.each<[string, RegExp]>([
    ['+/telemetry', /more or fewer devices than an id or a prefix can name/],
    ['site-a/+/telemetry', /more or fewer devices/],
    ['site-a/+/#', /more or fewer devices/],
    ['+/line-1/#', /more or fewer devices/],
    ['+/+/#', /more or fewer devices/],
    ['+/+', /more or fewer devices/],
    ['telemetry', /fits no topic/],
    ['site-a', /fits no topic/],
    // A dot inside a level: such a device's topic has another level there.
    ['site-a.line-1/telemetry', /fits no topic/],
    ['site-a.line-1/#', /fits no topic/],
    ['site a/#', /fits no topic/],
  ])('%s is refused', (filter, expected) => {
    expect(targetsOf(plant, filter)).toMatch(expected);
  });
});

describe('a topic filter under several templates', () => {
  it('combines the matches of all templates', () => {
    expect(targetsOf(mixed, '#')).toEqual({ '*': message | status });
    expect(targetsOf(mixed, 'factory/#')).toEqual({ '*': message });
    expect(targetsOf(mixed, 'lab/a/#')).toEqual({ a: status, 'a.*': status });
    expect(targetsOf(mixed, '+/a/telemetry')).toEqual({ a: message });
    expect(targetsOf(mixed, '+/a/b/status')).toEqual({ 'a.b': status });
  });

  it('is refused if the hub sends that type on another template, which the message names', () => {
    expect(targetsOf(twice, 'v2/+/data')).toEqual({ '*': message });
    expect(targetsOf(twice, 'v1/+/data')).toMatch(/events of type message are sent on v2\/\{device\}\/data/);
    expect(targetsOf(twice, 'v1/#')).toMatch(/are sent on v2/);
    expect(targetsOf(twice, 'v1/+/status')).toEqual({ '*': status });
    expect(targetsOf(twice, '+/dev-1/data')).toEqual({ 'dev-1': message });
    expect(targetsOf(twice, '#')).toEqual({ '*': message | status });
  });
});

/** As the MQTT specifications say it (4.7): the judge of what a topic filter means. */
function mqttMatches(filter: string, topic: string): boolean {
  const [wanted, levels] = [filter.split('/'), topic.split('/')];
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  for (let i = 0; i < wanted.length; i++) {
    if (wanted[i] === '#') return true;
    if (i >= levels.length || (wanted[i] !== '+' && wanted[i] !== levels[i])) return false;
  }
  return wanted.length === levels.length;
}

/** With `#` the parent counts too: sport/# matches sport. */
function matchesTopic(filter: string, topic: string): boolean {
  return mqttMatches(filter, topic) || (filter.endsWith('/#') && mqttMatches(filter.slice(0, -2), topic));
}

describe('a granted topic filter', () => {
  const levels = fc.constantFrom(
    '+',
    'a',
    'b',
    'x',
    'y',
    'dev-1',
    'telemetry',
    'state',
    'devices',
    'message',
    'v1',
    '',
    'a.b',
  );
  const filters = fc
    .tuple(fc.array(levels, { maxLength: 5 }), fc.boolean())
    .filter(([parts, isOpen]) => isOpen || parts.length > 0)
    .map(([parts, isOpen]) => [...parts, ...(isOpen ? ['#'] : [])].join('/'));

  it('names exactly the devices and types whose topics it matches', () => {
    let granted = 0;
    fc.assert(
      fc.property(
        layouts,
        filters,
        fc.array(ids, { minLength: 1, maxLength: 10 }),
        (layout, filter, devices) => {
          const expressed = express(layout, filter);
          if (!expressed.ok) return;
          granted += 1;
          for (const device of devices) {
            for (const kind of [pong, message, status, presence]) {
              const topic = layout.topicOf(device, kind);
              const isMatched = topic !== undefined && matchesTopic(filter, topic);
              const isNamed = expressed.targets.some(
                ({ name, kinds }) => (kinds & kind) !== 0 && matches(name, device),
              );
              expect(isNamed, `${filter} and ${topic}`).toBe(isMatched);
            }
          }
        },
      ),
      { numRuns: runs(5000) },
    );
    expect(granted).toBeGreaterThan(runs(200));
  });

  it('is refused as matching nothing only if it matches no topic', () => {
    fc.assert(
      fc.property(layouts, filters, ids, (layout, filter, device) => {
        const expressed = express(layout, filter);
        if (expressed.ok || !expressed.message.includes('fits no topic')) return;
        expect(expressed.reason).toBe(Reason.topicFilterInvalid);
        for (const kind of [pong, message, status, presence]) {
          const topic = layout.topicOf(device, kind);
          if (topic !== undefined) expect(matchesTopic(filter, topic), `${filter} and ${topic}`).toBe(false);
        }
      }),
      { numRuns: runs(3000) },
    );
  });

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(layouts, fc.string({ unit: 'binary', maxLength: 40 }), (layout, filter) => {
        express(layout, filter);
      }),
    );
  });
});
