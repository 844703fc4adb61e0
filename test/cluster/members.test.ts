import { beforeEach, describe, expect, it } from 'vitest';
import { type Beat, Phase } from '../../src/cluster/beats.ts';
import { Members } from '../../src/cluster/members.ts';
import { FakeClock } from '../support/fake-clock.ts';

const TIMEOUT_MS = 5000;
const OWN = 1;

function beat(node: string, boot: number, number: number, more: Partial<Beat> = {}): Beat {
  return {
    node,
    boot,
    number,
    version: '',
    startedAt: 0,
    revision: 0,
    bucket: '',
    devices: 0,
    subscribers: 0,
    eventsPerSecond: 0,
    eventsSent: 0,
    eventsReceived: 0,
    gaps: 0,
    phase: Phase.in,
    draining: false,
    bye: false,
    ...more,
  };
}

describe('members', () => {
  let clock: FakeClock;
  let log: string[];
  let members: Members;

  beforeEach(() => {
    clock = new FakeClock();
    log = [];
    members = new Members({
      clock,
      node: 'own',
      boot: OWN,
      timeoutMs: TIMEOUT_MS,
      appeared: ({ node }) => log.push(`${node} appeared`),
      beaten: () => {},
      gone: ({ node }, why) => log.push(`${node} ${why}`),
      duplicate: () => log.push('duplicate'),
    });
  });

  /** Time goes by with beats of this node that come back, and of those others that are named. */
  function live(ms: number, others: Readonly<Record<string, number>> = {}): void {
    for (let passed = 0; passed < ms; passed += 200) {
      clock.advance(200);
      if (passed % 1000 === 0) {
        members.hear(beat('own', OWN, members.beating()));
        for (const [node, boot] of Object.entries(others)) members.hear(beat(node, boot, clock.nowMs));
      }
      members.tick();
    }
  }

  it('are those that beat, and lost after the time-out', () => {
    live(1000, { a: 2 });
    expect(log).toEqual(['a appeared']);
    live(4000);
    expect(log).toEqual(['a appeared']);
    live(1000);
    expect(log).toEqual(['a appeared', 'a lost']);
    expect(members.recent()).toEqual(['a']);
    live(60_000);
    expect(members.recent()).toEqual([]);
  });

  it('are not lost while this node does not hear itself', () => {
    live(1000, { a: 2 });
    for (let n = 0; n < 100; n++) {
      clock.advance(200);
      members.beating();
      members.tick();
    }
    expect(log).toEqual(['a appeared']);
    expect(members.isFresh()).toBe(false);
    live(4800); // it hears itself again: the other gets the whole time-out anew
    expect(log).toEqual(['a appeared']);
    live(1000);
    expect(log).toEqual(['a appeared', 'a lost']);
  });

  it('are not lost by a stall of this node', () => {
    live(1000, { a: 2 });
    live(4000);
    clock.advance(3000);
    members.hear(beat('own', OWN, members.beating()));
    members.tick();
    expect(log).toEqual(['a appeared']);
  });

  it('may act until the time-out after the last own beat that came back was sent', () => {
    const number = members.beating();
    clock.advance(4000);
    members.hear(beat('own', OWN, number));
    expect(members.isFresh()).toBe(true);
    clock.advance(1000);
    expect(members.isFresh()).toBe(true);
    clock.advance(1);
    expect(members.isFresh()).toBe(false);
    expect(members.echoMs).toBe(4000);
  });

  it('that say goodbye are gone at once, and not waited for', () => {
    live(1000, { a: 2 });
    members.hear(beat('a', 2, 1e9, { bye: true }));
    expect(log).toEqual(['a appeared', 'a bye']);
    members.hear(beat('a', 2, 1e9 + 1)); // late
    expect(log).toEqual(['a appeared', 'a bye']);
    expect(members.recent()).toEqual([]);
  });

  it('that start again take the place of their old boot', () => {
    live(1000, { a: 2 });
    members.hear(beat('a', 3, 1, { phase: Phase.claiming }));
    expect(log).toEqual(['a appeared', 'a replaced', 'a appeared']);
    members.hear(beat('a', 2, 1e9)); // the old one's last beat, late
    expect(members.get('a')?.boot).toBe(3);
  });

  it('keep their place against a process that joins under their id', () => {
    live(1000, { a: 2 });
    members.hear(beat('a', 3, 1, { phase: Phase.joining }));
    expect(members.get('a')?.boot).toBe(2);
    clock.advance(2500);
    members.hear(beat('a', 3, 2, { phase: Phase.joining })); // the old one is silent: it was killed
    expect(members.get('a')?.boot).toBe(3);
  });

  it('keep their place against a process under their id that stood still', () => {
    live(1000, { a: 2 });
    members.hear(beat('a', 3, 1, { phase: Phase.fenced }));
    expect(members.get('a')?.boot).toBe(2);
    clock.advance(2500);
    members.hear(beat('a', 3, 2, { phase: Phase.fenced }));
    expect(members.get('a')?.boot).toBe(3);
  });

  it('are heard again, if what took their place has fallen silent', () => {
    live(1000, { a: 2 });
    members.hear(beat('a', 3, 1));
    live(4000, { a: 2 });
    expect(members.get('a')?.boot).toBe(3);
    live(3000, { a: 2 });
    expect(log).toEqual(['a appeared', 'a replaced', 'a appeared', 'a replaced', 'a appeared']);
    expect(members.get('a')?.boot).toBe(2);
  });

  it('are not heard while another boot beats in their place', () => {
    live(1000, { a: 2 });
    members.hear(beat('a', 3, 1));
    for (let n = 2; n < 20; n++) {
      live(1000, { a: 2 });
      members.hear(beat('a', 3, n));
    }
    expect(log).toEqual(['a appeared', 'a replaced', 'a appeared']);
  });

  it('are heard again, if they go on after a goodbye', () => {
    live(1000, { a: 2 });
    members.hear(beat('a', 2, 1e9, { bye: true }));
    live(5000, { a: 2 });
    expect(members.get('a')).toBeUndefined();
    live(2000, { a: 2 });
    expect(members.get('a')?.boot).toBe(2);
  });

  it('do not go because an older boot of theirs says goodbye', () => {
    live(1000, { a: 2 });
    members.hear(beat('a', 3, 1, { bye: true }));
    expect(members.get('a')?.boot).toBe(2);
  });

  it('have each a boot of their own', () => {
    live(1000, { a: 2 });
    members.hear(beat('b', 2, 1));
    expect(members.get('b')).toBeUndefined();
    members.hear(beat('b', 3, 1));
    members.hear(beat('b', 2, 2));
    expect(members.get('b')?.boot).toBe(3);
  });

  it('notice another process under the id of this one', () => {
    members.hear(beat('own', 9, 1));
    expect(log).toEqual(['duplicate']);
  });

  it('ignore beats that are late or come twice', () => {
    members.hear(beat('a', 2, 5, { devices: 5 }));
    members.hear(beat('a', 2, 4, { devices: 4 }));
    members.hear(beat('a', 2, 5, { devices: 6 }));
    expect(members.get('a')?.beat.devices).toBe(5);
  });
});
