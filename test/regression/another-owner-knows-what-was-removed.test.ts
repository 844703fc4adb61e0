/**
 * An owner that took over let the filters follow whatever had no row: rows that an operator had deleted came back. It
 * now looks only for what the owner before it had not finished.
 */
import { describe, expect, it } from 'vitest';
import type { AccessRule } from '../../src/access/rules.ts';
import { SWEEP_ROWS_MAX } from '../../src/limits.ts';
import { ToOwner } from '../../src/records/commands.ts';
import { dieAtWrite } from '../owner/die-at-write.ts';
import { OwnerHarness } from '../owner/owner-harness.ts';

describe('another owner', () => {
  it('brings no row back that an operator has deleted', () => {
    const hub = new OwnerHarness();
    hub.connectDevice('dev-1');
    const session = hub.connect('s');
    hub.ask(session, 'subscribe', ['dev-*']);
    hub.poll();
    hub.removeRow('dev-1', 's');
    hub.replaceOwner();
    hub.poll();
    expect(hub.status('dev-1', 's')).toBeUndefined();
  });

  it('lets a filter follow a device that appeared when the owner before it died, wherever that was', () => {
    let deaths = 0;
    for (let n = 0; ; n++) {
      const hub = new OwnerHarness();
      const session = hub.connect('s');
      hub.ask(session, 'subscribe', ['dev-*']);
      hub.poll();
      hub.received();
      if (!dieAtWrite(n, () => hub.connectDevice('dev-1'))) break;
      hub.replaceOwner();
      hub.poll();
      expect(hub.status('dev-1', 's'), `died at write ${n}`).toBe('active');
      deaths += 1;
    }
    expect(deaths).toBeGreaterThan(10);
  });

  it('gives back what the owner before it had removed for rules that never came into force', () => {
    const denied: AccessRule[] = [{ device: '*', subscriber: '*', access: 'deny' }];
    const others = SWEEP_ROWS_MAX + 1;
    const hub = new OwnerHarness({
      capacity: { devices: 4, subscribers: others + 9, subscriptions: others + 9 },
    });
    hub.connectDevice('dev-1');
    const session = hub.connect('s');
    hub.ask(session, 'subscribe', ['dev-*']);
    hub.poll();
    for (let n = 0; n < others; n++) hub.setRow('dev-2', `other-${n}`, 'inactive');
    const part = hub.owner.operate({ kind: ToOwner.SetRules, rules: denied, dryRun: false });
    expect(part).toMatchObject({ ok: true, next: SWEEP_ROWS_MAX });
    expect(hub.status('dev-1', 's')).toBeUndefined();
    hub.replaceOwner();
    hub.poll();
    expect(hub.status('dev-1', 's')).toBe('active');
  });
});
