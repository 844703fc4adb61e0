import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ack,
  answerFrame,
  deviceWelcome,
  draining,
  errorFrame,
  gapFrame,
  listItem,
  refusedItem,
  removedNotice,
  statusNotice,
  subscribedItem,
  subscriberWelcome,
} from '../../src/wire/hub-frames.ts';

const snapshot = {
  device: 'd',
  status: 'active',
  state: 'online',
  lastSeen: 1764000000123,
  seq: 41,
  deviceStatus: '',
};

describe('control frames', () => {
  it('are what the contract shows, member by member', () => {
    expect([
      deviceWelcome('dev-1', 25000),
      subscriberWelcome('s-1', 25000, ['dev-1']),
      ack('"a"', 42, false),
      ack('1', 41, true),
      statusNotice(['dev-1'], 'inactive', 'silent'),
      removedNotice(['dev-1'], 121, 'inactive too long'),
      gapFrame('dev-1', 43, 57, 'slow'),
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

  it('of op error are JSON whatever the message says, with an id only where there was one', () => {
    expect(errorFrame(107, 'no', '')).toBe('{"op":"error","code":107,"message":"no"}');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.oneof(fc.string(), fc.integer()), (message, id) => {
        const frame: unknown = JSON.parse(errorFrame(107, message, JSON.stringify(id)));
        expect(frame).toEqual({ op: 'error', id, code: 107, message });
      }),
    );
  });
});

describe('answers', () => {
  it('to subscribe always list the errors', () => {
    const item = subscribedItem({ ...snapshot, deviceStatus: 'char"ging' });
    expect(JSON.parse(answerFrame('subscribed', '1', [item], []))).toEqual({
      op: 'subscribed',
      id: 1,
      devices: [{ ...snapshot, deviceStatus: 'char"ging' }],
      errors: [],
    });
    const refused = refusedItem('dev-2', 103, 'not "allowed"');
    expect(JSON.parse(answerFrame('subscribed', '', [], [refused]))).toEqual({
      op: 'subscribed',
      devices: [],
      errors: [{ device: 'dev-2', code: 103, message: 'not "allowed"' }],
    });
  });

  it('say null for the status of a device that told none', () => {
    expect(JSON.parse(subscribedItem(snapshot))).toEqual({ ...snapshot, deviceStatus: null });
  });

  it('to other ops list errors only when there are any', () => {
    expect(answerFrame('unsubscribed', '2', ['"a"', '"b"'], [])).toBe(
      '{"op":"unsubscribed","id":2,"devices":["a","b"]}',
    );
    expect(answerFrame('paused', '', [], ['{}'])).toBe('{"op":"paused","devices":[],"errors":[{}]}');
    expect(answerFrame('list', '5', [listItem('a', 'active')], [])).toBe(
      '{"op":"list","id":5,"devices":[{"device":"a","status":"active"}]}',
    );
  });
});
