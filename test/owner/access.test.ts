import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AccessRule, AccessRules } from '../../src/access/rules.ts';
import { DEVICES_PER_PAGE, SWEEP_ROWS_MAX } from '../../src/limits.ts';
import { ToOwner } from '../../src/records/commands.ts';
import type { Frame } from '../support/frames.ts';
import { runs } from '../support/runs.ts';
import { OwnerHarness } from './owner-harness.ts';

const rule = (access: 'allow' | 'deny', device: string, subscriber = '*'): AccessRule => ({
  device,
  subscriber,
  access,
});
const refusedOf = ({ errors = [] }: Frame) => errors.map(({ device, code }) => `${device} ${code}`);

describe('a subscribe under access rules', () => {
  it('is refused with 103 and leaves no row where the first rule that matches denies', () => {
    const hub = new OwnerHarness({ rules: [rule('allow', 'dev-1'), rule('deny', 'dev-*')] });
    const session = hub.connect('s');
    const answer = hub.ask(session, 'subscribe', ['dev-1', 'dev-2', 'cam-1']);
    expect(answer.devices).toMatchObject([{ device: 'dev-1' }, { device: 'cam-1' }]);
    expect(refusedOf(answer)).toEqual(['dev-2 103']);
    expect(hub.status('dev-2', 's')).toBeUndefined();
    expect(hub.reader.findDevice('dev-2')).toBe(-1);
  });

  it('is let in by an allow rule where the default access denies, and needs no row before or after', () => {
    const hub = new OwnerHarness({ defaultAccess: 'deny', rules: [rule('allow', 'dev-*', 's-*')] });
    const session = hub.connect('s-1');
    expect(refusedOf(hub.ask(session, 'subscribe', ['dev-1', 'cam-1']))).toEqual(['cam-1 103']);
    expect(hub.status('dev-1', 's-1')).toBe('active');
    hub.ask(session, 'unsubscribe', ['dev-1']);
    expect(hub.status('dev-1', 's-1')).toBeUndefined();
    expect(refusedOf(hub.ask(session, 'subscribe', ['dev-1']))).toEqual([]);
  });

  it('obeys what an operator set on the pair before any rule', () => {
    const hub = new OwnerHarness({ rules: [rule('deny', 'dev-1'), rule('allow', 'dev-2')] });
    hub.setRow('dev-1', 's', 'allow');
    hub.setRow('dev-2', 's', 'deny');
    const session = hub.connect('s');
    expect(refusedOf(hub.ask(session, 'subscribe', ['dev-1', 'dev-2']))).toEqual(['dev-2 103']);
  });

  it('finds its grant again after it gave up a pair that a rule denies', () => {
    const hub = new OwnerHarness({ rules: [rule('deny', '*')] });
    hub.setRow('dev-1', 's', 'allow');
    const session = hub.connect('s');
    for (let round = 0; round < 2; round++) {
      expect(refusedOf(hub.ask(session, 'subscribe', ['dev-1']))).toEqual([]);
      hub.ask(session, 'unsubscribe', ['dev-1']);
      expect(hub.status('dev-1', 's')).toBe('allow');
    }
  });

  it('takes a pair that an operator made active for granted where it is denied otherwise', () => {
    const hub = new OwnerHarness({ rules: [rule('deny', '*')] });
    const session = hub.connect('s');
    hub.setRow('dev-1', 's', 'active');
    expect(hub.setRules([rule('deny', '*')]).removed).toBe(0);
    hub.ask(session, 'unsubscribe', ['dev-1']);
    expect(hub.status('dev-1', 's')).toBe('allow');
  });
});

describe('setting access rules', () => {
  it('removes what they deny: the notice first, then nothing more is delivered', () => {
    const hub = new OwnerHarness();
    const session = hub.connect('s');
    const other = hub.connect('other');
    hub.ask(session, 'subscribe', ['dev-1', 'dev-2', 'cam-1']);
    hub.ask(other, 'subscribe', ['dev-1']);
    hub.received();
    expect(hub.setRules([rule('deny', 'dev-*', 's')])).toEqual({ removed: 2, parts: 1 });
    const [first, ...rest] = hub.received();
    expect(first).toMatchObject({
      kind: 'text',
      session,
      frame: { op: 'removed', devices: ['dev-1', 'dev-2'], code: 103, reason: expect.any(String) },
    });
    expect(rest).toEqual([
      { kind: 'detach', session, device: 'dev-1' },
      { kind: 'detach', session, device: 'dev-2' },
    ]);
    expect(hub.status('dev-1', 's')).toBeUndefined();
    expect(hub.status('cam-1', 's')).toBe('active');
    expect(hub.status('dev-1', 'other')).toBe('active');
    expect(hub.publish('dev-2')).toBeUndefined();
  });

  it('removes paused, silent and disconnected subscriptions too', () => {
    const hub = new OwnerHarness();
    const [paused, silent, gone] = [hub.connect('paused'), hub.connect('silent'), hub.connect('gone')];
    for (const session of [paused, silent, gone]) hub.ask(session, 'subscribe', ['dev-1']);
    hub.ask(paused, 'pause', ['dev-1']);
    hub.disconnect(gone);
    hub.pass(60_000);
    expect(hub.status('dev-1', 'paused')).toBe('inactive/paused');
    expect(hub.status('dev-1', 'silent')).toBe('inactive/silent');
    expect(hub.status('dev-1', 'gone')).toBe('inactive/disconnected');
    expect(hub.setRules([rule('deny', '*')]).removed).toBe(3);
    expect(hub.reader.findSubscriber('gone')).toBe(-1);
    hub.received();
    hub.connect('gone');
    expect(hub.received()).toMatchObject([{ kind: 'text', frame: { op: 'welcome', resumed: [] } }]);
  });

  it('leaves what an operator allowed, and a denial stays one', () => {
    const hub = new OwnerHarness();
    const session = hub.connect('s');
    hub.setRow('dev-1', 's', 'allow');
    hub.setRow('dev-2', 's', 'deny');
    hub.ask(session, 'subscribe', ['dev-1', 'dev-3']);
    expect(hub.setRules([rule('deny', '*')]).removed).toBe(1);
    expect(hub.status('dev-1', 's')).toBe('active');
    hub.setRules([rule('allow', '*')]);
    expect(hub.status('dev-2', 's')).toBe('deny');
    expect(refusedOf(hub.ask(session, 'subscribe', ['dev-2', 'dev-3']))).toEqual(['dev-2 103']);
  });

  it('removes what an allow rule had let in when that rule goes, where the default access denies', () => {
    const hub = new OwnerHarness({ defaultAccess: 'deny', rules: [rule('allow', '*')] });
    const session = hub.connect('s');
    hub.setRow('dev-2', 's', 'allow');
    hub.ask(session, 'subscribe', ['dev-1', 'dev-2']);
    expect(hub.setRules([]).removed).toBe(1);
    expect(hub.status('dev-1', 's')).toBeUndefined();
    expect(hub.status('dev-2', 's')).toBe('active');
  });

  it('only counts in a dry run', () => {
    const hub = new OwnerHarness({ rules: [rule('deny', 'cam-*')] });
    const session = hub.connect('s');
    hub.ask(session, 'subscribe', ['dev-1', 'dev-2']);
    hub.received();
    expect(hub.setRules([rule('deny', 'dev-*')], true).removed).toBe(2);
    expect(hub.received()).toEqual([]);
    expect(refusedOf(hub.ask(session, 'subscribe', ['dev-3', 'cam-1']))).toEqual(['cam-1 103']);
    expect(hub.publish('dev-1')).toBe(1);
  });

  it('goes through a large table in parts, between which the hub works on', () => {
    const hub = new OwnerHarness({
      capacity: { devices: 8000, subscribers: 100, subscriptions: 20_000 },
    });
    const session = hub.connect('board');
    const names = Array.from({ length: 2 * SWEEP_ROWS_MAX + 1 }, (_, n) => `dev-${n}`);
    for (let at = 0; at < names.length; at += 500) hub.ask(session, 'subscribe', names.slice(at, at + 500));
    hub.received();
    const first = hub.owner.operate({ kind: ToOwner.SetRules, rules: [rule('deny', '*')], dryRun: false });
    expect(first).toEqual({ ok: true, removed: SWEEP_ROWS_MAX, next: SWEEP_ROWS_MAX });
    expect(refusedOf(hub.ask(session, 'subscribe', ['dev-0']))).toEqual(['dev-0 103']);
    expect(hub.publish(names.at(-1)!)).toBe(1);
    const second = hub.owner.operate({ kind: ToOwner.SweepRules, from: SWEEP_ROWS_MAX });
    expect(second).toEqual({ ok: true, removed: SWEEP_ROWS_MAX, next: 2 * SWEEP_ROWS_MAX });
    const last = hub.owner.operate({ kind: ToOwner.SweepRules, from: 2 * SWEEP_ROWS_MAX });
    expect(last).toEqual({ ok: true, removed: 1, next: undefined });
    const notices = hub.received().flatMap((one) => (one.kind === 'text' ? [one.frame.devices] : []));
    expect((notices as string[][]).flat().sort()).toEqual([...names].sort());
    for (const devices of notices) expect((devices as string[]).length).toBeLessThanOrEqual(DEVICES_PER_PAGE);
    expect(hub.reader.total('active')).toBe(0);
  });

  it('leaves after any history only subscriptions that are granted or that rules and default allow', () => {
    const name = fc.constantFrom('a', 'ab', 'b', 'ba');
    const pattern = fc.constantFrom('a', 'ab', 'b', 'ba', 'a*', 'b*', '*');
    const rules = fc.array(
      fc.record({ device: pattern, subscriber: pattern, access: fc.constantFrom('allow', 'deny') }),
      { maxLength: 4 },
    );
    const status = fc.constantFrom('allow', 'active', 'inactive', 'deny');
    const step = fc.oneof(
      fc.record({
        do: fc.constantFrom('subscribe', 'unsubscribe', 'pause', 'resume'),
        of: name,
        device: name,
      }),
      fc.record({ do: fc.constantFrom('connect', 'disconnect'), of: name }),
      fc.record({ do: fc.constant('operate'), of: name, device: name, status }),
      fc.record({ do: fc.constant('rules'), rules }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom('allow', 'deny'),
        fc.array(step, { maxLength: 40 }),
        (defaultAccess, steps) => {
          const hub = new OwnerHarness({
            defaultAccess,
            capacity: { devices: 8, subscribers: 8, subscriptions: 32 },
          });
          const sessions = new Map<string, number>();
          let list: readonly AccessRule[] = [];
          for (const one of steps) {
            if ('rules' in one) {
              list = one.rules as readonly AccessRule[];
              hub.setRules(list);
            } else if ('status' in one) hub.setRow(one.device, one.of, one.status);
            else if ('device' in one) {
              const session = sessions.get(one.of);
              if (session !== undefined) hub.ask(session, one.do as 'subscribe', [one.device]);
            } else if (one.do === 'connect') sessions.set(one.of, hub.connect(one.of));
            else {
              const session = sessions.get(one.of);
              if (session !== undefined) hub.disconnect(session);
              sessions.delete(one.of);
            }
            expectObeyed(hub, new AccessRules(list), defaultAccess);
          }
        },
      ),
      { numRuns: runs(200) },
    );
  });
});

function expectObeyed(hub: OwnerHarness, rules: AccessRules, defaultAccess: 'allow' | 'deny'): void {
  const { registry } = hub.owner;
  const { device, subscriber } = registry.subscriptions.rows;
  for (let row = 0; row < registry.subscriptions.capacity; row++) {
    const read = hub.reader.subscription(row);
    if (read === undefined || read.status === 'allow' || read.status === 'deny') continue;
    if (registry.isGranted(row)) continue;
    const pair = [registry.deviceId(device[row]!), registry.subscriberId(subscriber[row]!)] as const;
    expect(rules.decide(...pair) ?? defaultAccess, `${pair} is ${read.status}`).toBe('allow');
  }
}
