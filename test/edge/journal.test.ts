import { describe, expect, it } from 'vitest';
import { Journal, type JournalEntry } from '../../src/edge/journal.ts';
import { FakeClock } from '../support/fake-clock.ts';

function setUp(logLevel = 'info') {
  const clock = new FakeClock();
  const said: JournalEntry[] = [];
  const settings = { logLevel };
  const says: number[] = [];
  const journal = new Journal({
    clock,
    settings,
    say: (entries) => {
      says.push(entries.length);
      said.push(...entries);
    },
  });
  const refuse = (times: number, reason: 'token' | 'origin' = 'token'): void => {
    for (let n = 0; n < times; n++)
      journal.refused({
        role: 'device',
        reason,
        status: 401,
        message: 'no',
        address: '192.0.2.1',
        id: `d-${n}`,
      });
  };
  const pass = (ms: number): JournalEntry[] => {
    clock.advance(ms);
    said.length = 0;
    journal.tick();
    return [...said];
  };
  return { clock, journal, settings, refuse, pass, says };
}

describe('refusals', () => {
  it('are told one by one while they are few', () => {
    const { refuse, pass } = setUp();
    refuse(2);
    const told = pass(100);
    expect(told).toHaveLength(2);
    expect(told[1]).toMatchObject({
      kind: 'refused',
      role: 'device',
      reason: 'token',
      status: 401,
      id: 'd-1',
    });
    expect(pass(5000)).toEqual([]);
  });

  it('are told as a number beyond some a second, of each reason', () => {
    const { refuse, pass } = setUp();
    refuse(10_000);
    refuse(2, 'origin');
    expect(pass(100).filter(({ kind }) => kind === 'refused')).toHaveLength(7);
    const later = pass(1000);
    expect(later).toMatchObject([{ kind: 'suppressed', reason: 'token', role: 'device', count: 9995 }]);
    refuse(1);
    expect(pass(100)).toMatchObject([{ kind: 'refused' }]);
  });

  it('are told one by one again after a second', () => {
    const { refuse, pass } = setUp();
    refuse(6);
    expect(pass(999)).toHaveLength(5);
    expect(pass(1)).toMatchObject([{ kind: 'suppressed', count: 1 }]);
    refuse(1);
    expect(pass(0)).toMatchObject([{ kind: 'refused' }]);
  });

  it('may be of peers that ask for no id; main hears nothing where there is nothing', () => {
    const { journal, pass, says } = setUp();
    pass(100);
    expect(says).toEqual([]);
    const refusal = { role: undefined, reason: 'host', status: 403, message: 'no', address: '' } as const;
    journal.refused({ ...refusal, id: undefined });
    expect(pass(100)).toMatchObject([{ kind: 'refused', role: undefined, id: undefined }]);
  });

  it('are bounded in what they hold, whatever a peer asks for', () => {
    const { journal, pass } = setUp();
    const id = 'x'.repeat(100_000);
    journal.refused({ role: 'device', reason: 'id', status: 400, message: 'no', address: '', id });
    expect(JSON.stringify(pass(100)).length).toBeLessThan(400);
  });
});

describe('connections', () => {
  it('are told of only while the level asks for it, also once that has changed', () => {
    const { journal, settings } = setUp('info');
    expect(journal.tellsConnections).toBe(false);
    settings.logLevel = 'debug';
    expect(journal.tellsConnections).toBe(true);
    settings.logLevel = 'trace';
    expect(journal.tellsConnections).toBe(true);
  });

  it('are told with who, from where, how it ended and after how long', () => {
    const { journal, clock, pass } = setUp('debug');
    const at = clock.wallNow();
    journal.connected('subscriber', 's-1', '192.0.2.1');
    clock.advance(1500);
    journal.disconnected('subscriber', 's-1', 1006, at);
    expect(pass(0)).toEqual([
      { kind: 'connected', at, role: 'subscriber', id: 's-1', address: '192.0.2.1' },
      { kind: 'disconnected', at: at + 1500, role: 'subscriber', id: 's-1', code: 1006, afterMs: 1500 },
    ]);
  });

  it('are counted instead where there are too many', () => {
    const { journal, pass } = setUp('debug');
    for (let n = 0; n < 5000; n++) journal.connected('device', `d-${n}`, '');
    const told = pass(100);
    expect(told).toHaveLength(1001);
    expect(told.at(-1)).toMatchObject({ kind: 'lost', count: 4000 });
  });
});
