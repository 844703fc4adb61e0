import { describe, expect, it } from 'vitest';
import { createLogger } from '../../src/logging.ts';
import { ACTIVITY_ENTRIES_MAX, Activity } from '../../src/supervise/activity.ts';

function setUp(logLevel: 'info' | 'debug' = 'info') {
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  };
  return { activity: new Activity(createLogger({ logLevel }, { terminal: false, destination })), lines };
}

const action = (at: number) => ({
  at,
  who: 'alice',
  from: '192.0.2.1',
  action: 'DELETE /v1/subscribers/:subscriber',
  what: { subscriber: 's-1' },
  status: 200,
  tookMs: 3,
});
const refused = (at: number, reason: 'token' | 'capacity' = 'token') => ({
  kind: 'refused' as const,
  at,
  role: 'device',
  reason,
  status: 401,
  message: 'a token is needed',
  address: '192.0.2.1',
  id: 'dev-1',
});

describe('the activity', () => {
  it('is a line for each operator action', () => {
    const { activity, lines } = setUp();
    activity.action(action(1));
    expect(lines).toMatchObject([
      {
        level: 'info',
        msg: 'operator action',
        who: 'alice',
        from: '192.0.2.1',
        action: 'DELETE /v1/subscribers/:subscriber',
        what: { subscriber: 's-1' },
        status: 200,
      },
    ]);
  });

  it('is a line for each refusal, a warning where somebody may not', () => {
    const { activity, lines } = setUp();
    activity.journal('fanout-0', [
      refused(1),
      refused(2, 'capacity'),
      { kind: 'suppressed', at: 3, role: 'device', reason: 'token', count: 7 },
    ]);
    expect(lines).toMatchObject([
      { level: 'warn', msg: 'connection refused', thread: 'fanout-0', reason: 'token', id: 'dev-1' },
      { level: 'info', msg: 'connection refused', reason: 'capacity' },
      { level: 'warn', msg: 'more connections refused', reason: 'token', count: 7 },
    ]);
  });

  it('tells of connections at debug, and keeps none', () => {
    const { activity, lines } = setUp('debug');
    activity.journal('main', [
      { kind: 'connected', at: 1, role: 'device', id: 'dev-1', address: '192.0.2.1' },
    ]);
    expect(lines).toMatchObject([{ level: 'debug', msg: 'connected', id: 'dev-1', thread: 'main' }]);
    expect(activity.list(10)).toEqual([]);
  });

  it('counts refused admin requests beyond some a second', () => {
    const { activity, lines } = setUp();
    const request = (at: number) => ({
      at,
      from: '192.0.2.1',
      action: 'GET /v1/stats',
      status: 401,
      message: 'no',
    });
    for (let n = 0; n < 100; n++) activity.refusedRequest(request(1000));
    activity.refusedRequest(request(2000));
    expect(lines).toHaveLength(6);
    expect(lines[0]).toMatchObject({
      level: 'warn',
      msg: 'admin request refused',
      from: '192.0.2.1',
      status: 401,
    });
    expect(lines[5]).toMatchObject({ suppressedBefore: 95 });
  });

  it('is listed newest first, bounded, and refusals do not push actions out', () => {
    const { activity } = setUp();
    activity.action(action(5));
    for (let n = 0; n < 10_000; n++) activity.journal('main', [refused(n)]);
    const all = activity.list(ACTIVITY_ENTRIES_MAX);
    expect(all.length).toBeLessThanOrEqual(ACTIVITY_ENTRIES_MAX);
    expect(all.at(-1)).toMatchObject({ kind: 'action', at: 5 });
    expect(activity.list(2)).toMatchObject([{ at: 9999 }, { at: 9998 }]);
  });
});
