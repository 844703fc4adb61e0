import { describe, expect, it } from 'vitest';
import type { AccessRule } from '../../src/access/rules.ts';
import { Operator, type OperatorDeps } from '../../src/owner/operator.ts';
import type { RuleSweep, SweepPart } from '../../src/owner/rule-sweep.ts';
import { type OperatorCommand, type OperatorResult, ToOwner } from '../../src/records/commands.ts';
import { EventType, Priority } from '../../src/wire/events.ts';
import { nameOfSession as name } from './noted-link.ts';
import { OwnerParts } from './owner-parts.ts';

const denied: readonly AccessRule[] = [{ device: 'dev-*', subscriber: '*', access: 'deny' }];
const terminate = (parts: OwnerParts, device: string): OperatorResult =>
  parts.operator.run({ kind: ToOwner.Terminate, device });
const kick = (parts: OwnerParts, subscriber: string, forget = false): OperatorResult =>
  parts.operator.run({ kind: ToOwner.Kick, subscriber, forget });

/** A subscriber that follows a device which is connected, and what both were told so far is read. */
function following() {
  const parts = new OwnerParts();
  const device = parts.device('dev-1');
  const session = parts.subscriber('s');
  parts.ask(session, 'subscribe', ['dev-1']);
  parts.told();
  return { parts, device, session };
}

describe('a pair that an operator sets', () => {
  it.each([
    ['allow', 'allow'],
    ['active', 'active'],
    ['inactive', 'paused'],
    ['deny', 'deny'],
  ] as const)('to %s is %s from its first moment, and its row is named', (status, state) => {
    const parts = new OwnerParts();
    parts.subscriber('s');
    const result = parts.setRow('dev-1', 's', status);
    expect(parts.status('dev-1', 's')).toBe(state);
    expect(result).toEqual({ ok: true, slot: parts.row('dev-1', 's') });
  });

  it('goes through what its state says where there is a row', () => {
    const { parts, session } = following();
    expect(parts.setRow('dev-1', 's', 'inactive')).toEqual({ ok: true, slot: parts.row('dev-1', 's') });
    expect(parts.told()).toEqual([
      `notice ${name(session)} operatorInactive dev-1=paused`,
      `detach ${name(session)} dev-1`,
    ]);
  });

  it.each([
    ['allow', 'allow', true],
    ['allow', 'deny', true],
    ['deny', 'allow', false],
    ['deny', 'deny', false],
    ['active', 'allow', false],
    ['active', 'deny', true],
    ['inactive', 'allow', false],
    ['inactive', 'deny', true],
  ] as const)('to %s, where %s holds otherwise, is a grant: %s', (status, defaultAccess, isGranted) => {
    const made = new OwnerParts({ defaultAccess });
    made.setRow('dev-1', 's', status);
    expect(made.registry.isGranted(made.row('dev-1', 's'))).toBe(isGranted);
    const changed = new OwnerParts({ defaultAccess });
    changed.setRow('dev-1', 's', 'deny');
    changed.setRow('dev-1', 's', status);
    expect(changed.registry.isGranted(changed.row('dev-1', 's'))).toBe(isGranted);
  });

  it('stays a grant when it is made inactive where nothing denies it', () => {
    const parts = new OwnerParts();
    parts.setRow('dev-1', 's', 'allow');
    parts.setRow('dev-1', 's', 'inactive');
    expect(parts.registry.isGranted(parts.row('dev-1', 's'))).toBe(true);
  });

  it('is not made active beyond what the token of the subscriber covers', () => {
    const parts = new OwnerParts();
    parts.subscriber('s', { covers: ['dev-2'] });
    expect(parts.setRow('dev-1', 's', 'active')).toEqual({
      ok: false,
      why: 'forbidden',
      message: 'the token of subscriber "s" does not cover device "dev-1"',
    });
    expect([parts.status('dev-1', 's'), parts.state('dev-1')]).toEqual(['none', 'free']);
    expect(parts.setRow('dev-1', 's', 'inactive').ok).toBe(true);
    expect(parts.setRow('dev-2', 's', 'active').ok).toBe(true);
    expect(parts.setRow('dev-1', 'another', 'active').ok).toBe(true);
  });

  it.each([
    ['devices', { devices: 1 }],
    ['subscribers', { subscribers: 1 }],
    ['subscriptions', { subscriptions: 1 }],
  ])('finds a table of %s that is full, and leaves nothing behind', (_, capacity) => {
    const parts = new OwnerParts({ capacity });
    parts.setRow('dev-0', 's-0', 'deny');
    const full = { ok: false, why: 'over_capacity', message: 'the presence table is full' };
    expect(parts.setRow('dev-1', 's-1', 'allow')).toEqual(full);
    parts.pass(10);
    expect([parts.state('dev-1'), parts.knows('s-1'), parts.state('dev-0')]).toEqual([
      'free',
      false,
      'offline',
    ]);
  });

  it('leaves a subscriber in the table that is connected, though there was no room for the row', () => {
    const parts = new OwnerParts({ capacity: { subscriptions: 1 } });
    parts.setRow('dev-0', 's-0', 'deny');
    parts.subscriber('s-1');
    parts.setRow('dev-1', 's-1', 'allow');
    expect(parts.knows('s-1')).toBe(true);
  });

  it('to allow, which is denied otherwise, is followed by the filters that were waiting for it', () => {
    const parts = new OwnerParts({ defaultAccess: 'deny' });
    parts.device('dev-1');
    const session = parts.subscriber('s');
    parts.ask(session, 'subscribe', ['dev-*']);
    parts.told();
    for (const status of ['inactive', 'deny', 'active'] as const) {
      parts.setRow('dev-1', 's', status);
      parts.operator.run({ kind: ToOwner.RemoveRow, device: 'dev-1', subscriber: 's' });
      expect(parts.told().filter((line) => line.startsWith('page'))).toEqual([]);
    }
    parts.setRow('dev-1', 's', 'allow');
    expect(parts.status('dev-1', 's')).toBe('active');
  });

  it('to allow, which nothing denies, is not followed by a filter that an operator has taken it from', () => {
    const parts = new OwnerParts();
    parts.device('dev-1');
    parts.ask(parts.subscriber('s'), 'subscribe', ['dev-*']);
    parts.operator.run({ kind: ToOwner.RemoveRow, device: 'dev-1', subscriber: 's' });
    parts.setRow('dev-1', 's', 'allow');
    expect(parts.status('dev-1', 's')).toBe('allow');
  });
});

describe('a subscriber that an operator makes a vip', () => {
  it('is one, told so, and its row is as it was', () => {
    const { parts, session } = following();
    const result = parts.setRow('dev-1', 's', undefined, true);
    expect(result).toEqual({ ok: true, slot: parts.row('dev-1', 's') });
    expect([parts.told(), parts.status('dev-1', 's')]).toEqual([[`vip ${name(session)} true`], 'active']);
    parts.setRow('dev-1', 's', 'active');
    expect(parts.told()).toEqual([]);
    parts.setRow('dev-1', 's', undefined, false);
    expect(parts.told()).toEqual([`vip ${name(session)} false`]);
  });

  it('is one with a row that is made for it', () => {
    const parts = new OwnerParts();
    parts.setRow('dev-1', 's', 'deny', true);
    parts.subscriber('s');
    expect(parts.told()).toEqual(['joined 1@0 slot-0 vip']);
  });

  it.each([
    ['dev-1', 'nobody'],
    ['nothing', 's'],
    ['dev-2', 's'],
  ])('needs a row: %s and %s have none', (device, subscriber) => {
    const { parts } = following();
    parts.device('dev-2');
    expect(parts.setRow(device, subscriber, undefined, true)).toEqual({
      ok: false,
      why: 'not_found',
      message: `no row for device "${device}" and subscriber "${subscriber}"`,
    });
  });
});

describe('a row that an operator removes', () => {
  const remove = (parts: OwnerParts, device: string, subscriber: string): OperatorResult =>
    parts.operator.run({ kind: ToOwner.RemoveRow, device, subscriber });

  it('is gone, and its subscriber is told', () => {
    const { parts, session } = following();
    expect(remove(parts, 'dev-1', 's')).toEqual({ ok: true });
    expect(parts.status('dev-1', 's')).toBe('none');
    expect(parts.told()).toEqual([
      `notice ${name(session)} removedByOperator dev-1=none`,
      `detach ${name(session)} dev-1`,
    ]);
    expect(parts.knows('s')).toBe(true);
  });

  it('takes a subscriber with it that has nothing else and is not connected', () => {
    const parts = new OwnerParts();
    parts.setRow('dev-1', 's', 'deny');
    remove(parts, 'dev-1', 's');
    expect(parts.knows('s')).toBe(false);
  });

  it('must be there', () => {
    const { parts } = following();
    const message = 'no row for device "dev-1" and subscriber "nobody"';
    expect(remove(parts, 'dev-1', 'nobody')).toEqual({ ok: false, why: 'not_found', message });
  });
});

describe('a device that an operator terminates', () => {
  it('is gone with all that was set of it; who was subscribed is told before', () => {
    const parts = new OwnerParts();
    const device = parts.device('dev-1');
    const [one, other] = [parts.subscriber('one'), parts.subscriber('other')];
    parts.ask(one, 'subscribe', ['dev-1', 'dev-2']);
    parts.ask(other, 'subscribe', ['dev-1']);
    parts.ask(other, 'pause', ['dev-1']);
    for (const status of ['allow', 'deny'] as const) {
      parts.subscriber(status);
      parts.setRow('dev-1', status, status);
    }
    parts.setRow('dev-1', 'absent', 'allow');
    parts.told();
    expect(terminate(parts, 'dev-1')).toEqual({ ok: true });
    expect(parts.told()).toEqual([
      `notice ${name(other)} terminated dev-1=none`,
      `notice ${name(one)} terminated dev-1=none`,
      `detach ${name(one)} dev-1`,
      `close ${name(device)} 4009`,
    ]);
    expect([parts.state('dev-1'), parts.state('dev-2')]).toEqual(['free', 'offline']);
    expect(['one', 'allow', 'absent'].map((id) => parts.knows(id))).toEqual([true, true, false]);
  });

  it('must be there', () => {
    expect(terminate(new OwnerParts(), 'dev-1')).toEqual({
      ok: false,
      why: 'not_found',
      message: 'no device "dev-1"',
    });
  });
});

describe('a subscriber that an operator kicks', () => {
  it('must be there', () => {
    expect(kick(new OwnerParts(), 's')).toEqual({
      ok: false,
      why: 'not_found',
      message: 'no subscriber "s"',
    });
  });

  it.each([
    [false, 'deny'],
    [true, 'none'],
  ])('loses what operators set of it: %s', (forget, state) => {
    const { parts, session } = following();
    parts.setRow('dev-2', 's', 'deny');
    parts.told();
    expect(kick(parts, 's', forget)).toEqual({ ok: true });
    expect(parts.told()).toEqual([`close ${name(session)} 4005`]);
    expect([parts.status('dev-1', 's'), parts.status('dev-2', 's')]).toEqual(['none', state]);
  });

  it('leaves no session of MQTT behind', () => {
    const { parts } = following();
    const client = { session: 64, id: 's', clean: false, again: false, ticket: 1 };
    parts.clients.register(client);
    parts.clients.deregister({ session: 64, id: 's', keepMs: 1000, kept: 'what it kept' });
    kick(parts, 's');
    expect(parts.clients.keptCount).toBe(0);
  });
});

describe('an event that an operator publishes', () => {
  const publish = (parts: OwnerParts, device: string): OperatorResult =>
    parts.operator.run({
      kind: ToOwner.Publish,
      device,
      type: EventType.message,
      priority: Priority.normal,
      deviceStatus: '',
      payload: Buffer.from('7'),
      at: 1,
    });

  it('has a number, and reaches who follows the device', () => {
    const { parts } = following();
    expect(publish(parts, 'dev-1')).toEqual({ ok: true, seq: 1 });
    expect(parts.told()).toEqual(['event dev-1 1 message 7']);
  });

  it('is skipped where nobody follows, with the number of the last one', () => {
    const { parts, session } = following();
    publish(parts, 'dev-1');
    parts.ask(session, 'pause');
    expect(publish(parts, 'dev-1')).toEqual({ ok: true, seq: 1, skipped: true });
  });

  it('needs a device', () => {
    expect(publish(new OwnerParts(), 'dev-1')).toMatchObject({ ok: false, message: 'no device "dev-1"' });
  });

  it('waits until it is settled who numbers the events of the device', () => {
    const { parts } = following();
    parts.devices.homes = { claim: () => false } as unknown as typeof parts.devices.homes;
    expect(publish(parts, 'dev-1')).toEqual({
      ok: false,
      why: 'unavailable',
      message: 'the device is connecting; ask again',
    });
  });
});

describe('rules that an operator sets', () => {
  const setRules = (parts: OwnerParts, rules: readonly AccessRule[], dryRun: boolean): OperatorResult =>
    parts.operator.run({ kind: ToOwner.SetRules, rules, dryRun });

  it('take what they deny, and are only counted in a dry run', () => {
    const { parts } = following();
    expect(setRules(parts, denied, true)).toEqual({ ok: true, removed: 1, next: undefined });
    expect(parts.status('dev-1', 's')).toBe('active');
    expect(setRules(parts, denied, false)).toEqual({ ok: true, removed: 1, next: undefined });
    expect(parts.status('dev-1', 's')).toBe('none');
  });

  it('let filters follow what they do not deny any more, but not in a dry run', () => {
    const parts = new OwnerParts({ rules: denied });
    parts.device('dev-1');
    parts.ask(parts.subscriber('s'), 'subscribe', ['dev-*']);
    setRules(parts, [], true);
    parts.step();
    expect(parts.status('dev-1', 's')).toBe('none');
    setRules(parts, [], false);
    parts.step();
    expect(parts.status('dev-1', 's')).toBe('active');
  });

  /** Parts of a sweep, of which all but the last say where to go on. */
  function swept(isDryRun: boolean) {
    const did: string[] = [];
    const part = (next?: number): SweepPart => ({ removed: 3, next });
    const sweep = {
      begin: () => part(5),
      part: (from: number) => part(from === 5 ? 9 : undefined),
      isDryRun,
    };
    const filters = { rulesChange: () => did.push('rules change'), rescan: () => did.push('rescan') };
    const operator = new Operator({
      sweep: sweep as unknown as RuleSweep,
      filters,
    } as unknown as OperatorDeps);
    const run = (command: OperatorCommand): void => {
      const result = operator.run(command);
      did.push(`next ${result.ok ? result.next : result.message}`);
    };
    run({ kind: ToOwner.SetRules, rules: [], dryRun: isDryRun });
    run({ kind: ToOwner.SweepRules, from: 5 });
    run({ kind: ToOwner.SweepRules, from: 9 });
    return did;
  }

  it('are obeyed by all rows before filters look for more', () => {
    expect(swept(false)).toEqual(['rules change', 'next 5', 'next 9', 'rescan', 'next undefined']);
    expect(swept(true)).toEqual(['next 5', 'next 9', 'next undefined']);
  });
});

it('knows no other command', () => {
  const command = { kind: ToOwner.Stop } as unknown as OperatorCommand;
  expect(() => new OwnerParts().operator.run(command)).toThrow('unknown operator command {"kind":6}');
});
