import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isId } from '../../../src/wire/id.ts';
import { DEFAULT_TEMPLATES, Kind } from '../../../src/wire/mqtt/templates.ts';
import { runs } from '../../support/runs.ts';
import { ids, layoutOf, layouts } from './layouts.ts';

const usual = layoutOf(...DEFAULT_TEMPLATES);
const plant = layoutOf('{device+}/telemetry=message', '{device+}/state=status');

describe('a topic', () => {
  it.each<[string, string, number]>([
    ['devices/dev-1/message', 'dev-1', Kind.message],
    ['devices/dev-1/status', 'dev-1', Kind.status],
    ['devices/dev-1/pong', 'dev-1', Kind.pong],
    ['devices/dev-1/presence', 'dev-1', Kind.presence],
    ['devices/dev-1/interest', 'dev-1', Kind.interest],
    ['devices/site-a.line-1/message', 'site-a.line-1', Kind.message],
    ['devices/a:b~c_d/message', 'a:b~c_d', Kind.message],
    ['devices/message/message', 'message', Kind.message],
  ])('%s is of the device %s', (topic, device, kind) => {
    expect(usual.locate(topic)).toEqual({ device, kind });
  });

  it.each<[string, string, number]>([
    ['pump-3/telemetry', 'pump-3', Kind.message],
    ['site-a/line-1/pump-3/telemetry', 'site-a.line-1.pump-3', Kind.message],
    ['site-a/line-1/state', 'site-a.line-1', Kind.status],
    ['site-a/telemetry/telemetry', 'site-a.telemetry', Kind.message],
    ['/telemetry/telemetry', '.telemetry', Kind.message],
    ['a//b/telemetry', 'a..b', Kind.message],
  ])('%s is of the device %s where a device has several levels', (topic, device, kind) => {
    expect(plant.locate(topic)).toEqual({ device, kind });
  });

  it.each([
    '',
    '/',
    'devices',
    'devices/dev-1',
    'devices//message',
    'devices/dev-1/message/',
    'devices/dev-1/messages',
    'Devices/dev-1/message',
    'devices/dev 1/message',
    'devices/dev-1/x/message',
    'devices/$dev/message',
    '$devices/dev-1/message',
    '$SYS/broker/uptime',
    `devices/${'a'.repeat(129)}/message`,
    'a/'.repeat(60_000),
  ])('is foreign: %j', (topic) => {
    expect(usual.locate(topic)).toBeUndefined();
  });

  it.each([
    'telemetry',
    '/telemetry',
    'site-a.line-1/telemetry',
    'site-a/line-1.pump-3/telemetry',
    'site-a/line 1/telemetry',
    'site-a/state/x',
    `${'a/'.repeat(65)}telemetry`,
  ])('is foreign where a device has several levels: %j', (topic) => {
    expect(plant.locate(topic)).toBeUndefined();
  });

  it('maps back to the same device and kind', () => {
    fc.assert(
      fc.property(layouts, ids, (layout, device) => {
        for (const kind of Object.values(Kind)) {
          const topic = layout.topicOf(device, kind);
          if (topic === undefined) continue;
          expect(layout.locate(topic)).toEqual({ device, kind });
          const bytes = layout.topicBytes(device, kind);
          expect(bytes.subarray(2)).toEqual(new Uint8Array(Buffer.from(topic)));
          expect((bytes[0]! << 8) | bytes[1]!).toBe(bytes.length - 2);
        }
      }),
    );
  });

  it('is compared in place with the same result', () => {
    const levels = fc.constantFrom('a', 'b', 'x', 'devices', 'dev-1', '', '.', 'a.b', 'ä', 'message');
    const topics = fc.array(levels, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(layouts, topics, ids, (layout, topic, other) => {
        const located = layout.locate(topic);
        const bytes = Uint8Array.from([0x2f, ...Buffer.from(topic), 0x2f]);
        const kindOf = (device: string): number => layout.kindOf(bytes, 1, bytes.length - 1, device);
        if (located !== undefined) {
          expect(isId(located.device)).toBe(true);
          expect(kindOf(located.device)).toBe(located.kind);
        }
        if (other !== located?.device) expect(kindOf(other)).toBe(0);
      }),
      { numRuns: runs(1000) },
    );
  });

  it('does not exist if the layout has no template of its kind', () => {
    expect(plant.topicOf('dev-1', Kind.presence)).toBeUndefined();
    expect(plant.topicBytes('dev-1', Kind.presence)).toHaveLength(0);
  });

  it('uses the first of several templates of a kind', () => {
    const both = layoutOf('v2/{device}/data=message', 'v1/{device}=message');
    expect(both.locate('v1/dev-1')).toEqual({ device: 'dev-1', kind: Kind.message });
    expect(both.topicOf('dev-1', Kind.message)).toBe('v2/dev-1/data');
  });
});
