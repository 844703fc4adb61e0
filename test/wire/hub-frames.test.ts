import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeviceState, RowState } from '../../src/presence/lifecycle.ts';
import { type Entry, Notice, Refusal } from '../../src/records/replies.ts';
import { jsonDeviceCodec, jsonSubscriberCodec, problemFrame } from '../../src/wire/hub-frames.ts';

const entry: Entry = {
  device: 'd',
  deviceSlot: 3,
  rowState: RowState.active,
  deviceState: DeviceState.online,
  lastSeen: 1764000000123,
  seq: 41,
  epoch: 128,
  generation: 0,
  deviceStatus: '',
};
const shown = {
  device: 'd',
  status: 'active',
  state: 'online',
  lastSeen: 1764000000123,
  seq: 41,
  epoch: '3k',
};
const named = (device: string): Entry => ({ ...entry, device });
const kept = (devices: readonly string[], more: boolean) => ({
  resumed: devices.map(named),
  filters: [],
  held: false,
  more,
});
const { welcome, answer, notice, gap, draining } = jsonSubscriberCodec;

describe('control frames', () => {
  it('are what the contract shows, member by member', () => {
    expect([
      jsonDeviceCodec.welcome('dev-1', 25000),
      welcome('s-1', 25000, kept(['dev-1'], false)),
      jsonDeviceCodec.ack('"a"', 42, false),
      jsonDeviceCodec.ack('1', 41, true),
      notice(Notice.silent, [named('dev-1')], [], false),
      notice(Notice.inactiveTooLong, [named('dev-1')], [], false),
      gap({ device: 'dev-1', from: 43, to: 57, reason: 'slow' }),
      draining(1234),
    ]).toEqual([
      '{"op":"welcome","device":"dev-1","pingIntervalMs":25000}',
      '{"op":"welcome","subscriber":"s-1","pingIntervalMs":25000,"resumed":["dev-1"]}',
      '{"op":"ack","id":"a","seq":42}',
      '{"op":"ack","id":1,"seq":41,"skipped":true}',
      '{"op":"status","devices":["dev-1"],"status":"inactive","reason":"silent"}',
      '{"op":"removed","devices":["dev-1"],"code":121,"reason":"inactive too long"}',
      '{"op":"gap","device":"dev-1","from":43,"to":57,"reason":"slow"}',
      '{"op":"draining","reconnectAfterMs":1234}',
    ]);
  });

  it('of several pages say of each but the last that more follow, and of resumed pages also of the last', () => {
    const pages = [
      welcome('s-1', 25000, kept(['a'], true)),
      notice(Notice.resumed, [named('b')], [], true),
      notice(Notice.resumed, [named('c')], [], false),
      notice(Notice.silent, [named('a')], [], true),
      notice(Notice.silent, [named('b')], [], false),
      answer({ op: 'list', id: '7' }, [named('a')], [], [], true),
    ].map((frame) => JSON.parse(frame as string) as { op: string; more?: boolean });
    expect(pages.map(({ op, more }) => `${op} ${more}`)).toEqual([
      'welcome true',
      'resumed true',
      'resumed false',
      'status true',
      'status undefined',
      'list true',
    ]);
  });

  it('of op error are JSON whatever the message says, with an id only where there was one', () => {
    expect(problemFrame({ code: 107, message: 'no', id: '' })).toBe(
      '{"op":"error","code":107,"message":"no"}',
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.oneof(fc.string(), fc.integer()), (message, id) => {
        const frame: unknown = JSON.parse(problemFrame({ code: 107, message, id: JSON.stringify(id) }));
        expect(frame).toEqual({ op: 'error', id, code: 107, message });
      }),
    );
  });

  it('that refuse what is over a rate say when it may be sent again, in whole ms', () => {
    expect(problemFrame({ code: 111, message: 'no', id: '1', retryAfterMs: 12.3 })).toBe(
      '{"op":"error","id":1,"code":111,"message":"no","retryAfterMs":13}',
    );
  });
});

describe('answers', () => {
  it('to subscribe always list the errors', () => {
    const told = { ...entry, deviceStatus: 'char"ging' };
    expect(JSON.parse(answer({ op: 'subscribe', id: '1' }, [told], [], [], false) as string)).toEqual({
      op: 'subscribed',
      id: 1,
      devices: [{ ...shown, deviceStatus: 'char"ging' }],
      errors: [],
    });
    const refused = { device: 'dev-2', why: Refusal.notAllowed };
    expect(JSON.parse(answer({ op: 'subscribe', id: '' }, [], [refused], [], false) as string)).toEqual({
      op: 'subscribed',
      devices: [],
      errors: [{ device: 'dev-2', code: 103, message: 'not allowed to subscribe to this device' }],
    });
  });

  it('say null for the status of a device that told none', () => {
    const { devices } = JSON.parse(answer({ op: 'resume', id: '1' }, [entry], [], [], false) as string);
    expect(devices).toEqual([{ ...shown, deviceStatus: null }]);
  });

  it('to other ops list errors only when there are any', () => {
    expect(answer({ op: 'unsubscribe', id: '2' }, [named('a'), named('b')], [], [], false)).toBe(
      '{"op":"unsubscribed","id":2,"devices":["a","b"]}',
    );
    const refused = [{ device: 'a', why: Refusal.notSubscribed }];
    expect(answer({ op: 'pause', id: '' }, [], refused, [], false)).toBe(
      '{"op":"paused","devices":[],"errors":[{"device":"a","code":120,"message":"not subscribed to this device"}]}',
    );
    expect(answer({ op: 'list', id: '5' }, [named('a')], [], [], false)).toBe(
      '{"op":"list","id":5,"devices":[{"device":"a","status":"active"}]}',
    );
  });
});
