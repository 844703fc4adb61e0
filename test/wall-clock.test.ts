/** The wall clock is set back and forward: tokens are verified by it, and nothing else goes by it. */
import { describe, expect, it } from 'vitest';
import { createDoor, Door } from '../src/access/door.ts';
import { Gate, type GateSettings } from '../src/access/gate.ts';
import { Verifier } from '../src/access/verifier.ts';
import { Counters, createCounters } from '../src/memory/counters.ts';
import { OwnerHarness } from './owner/owner-harness.ts';
import { FakeClock } from './support/fake-clock.ts';
import { SECRET, tokenFor } from './support/tokens.ts';

const HOUR_MS = 3_600_000;
const leaps = [HOUR_MS, -2 * HOUR_MS, 2 * HOUR_MS, -HOUR_MS];

const open: GateSettings = {
  allowedOrigins: [],
  maxConnectionsPerAddress: 0,
  connectionsPerSecondPerAddress: 0,
  authFailuresPerMinute: 0,
  authBanMs: 60_000,
};

function gateWith(clock: FakeClock, settings: Partial<GateSettings> = {}): Gate {
  const config = { secret: SECRET, publicKey: '', jwksUrl: '', audience: '', issuer: '' };
  const counters = new Counters(createCounters());
  const door = new Door(createDoor([createCounters()], 0, 'seed'), 0);
  const verifier = new Verifier(config, () => clock.wallNow());
  return new Gate({ role: 'device', settings: { ...open, ...settings }, verifier, door, clock, counters });
}

/** The status of the refusal, or when the token counts for nothing any more. */
async function enter(gate: Gate, token: string): Promise<{ status: number } | { expiresAt: number }> {
  const header = (name: string): string => (name === 'authorization' ? `Bearer ${token}` : '');
  const answer = await gate.admit({ query: '', header, remoteAddress: '10.0.0.1' });
  return answer.ok ? { expiresAt: answer.expiresAt } : { status: answer.status };
}

describe('the wall clock', () => {
  it.each(leaps)('set by %i ms changes no device and no subscription', (leap) => {
    const owner = new OwnerHarness();
    const device = owner.connectDevice('dev-1');
    owner.ask(owner.connect('sub-1'), 'subscribe', ['dev-1']);
    const gone = owner.connect('sub-2');
    owner.ask(gone, 'subscribe', ['dev-1']);
    owner.disconnect(gone);
    owner.received();

    owner.clock.wallMs += leap;
    owner.pass(1000);
    expect(owner.received()).toEqual([]);
    expect(owner.status('dev-1', 'sub-1')).toBe('active');
    expect(owner.status('dev-1', 'sub-2')).toBe('inactive/disconnected');
    expect(owner.reader.device(owner.reader.findDevice('dev-1'))).toMatchObject({ session: device });

    owner.pass(300_000); // by the hub clock they are due
    expect(owner.status('dev-1', 'sub-2')).toBeUndefined();
  });

  it('decides whether a token has expired', async () => {
    const clock = new FakeClock();
    clock.wallMs = Date.now();
    const token = await tokenFor({ sub: 'dev-1', role: 'device' }, { expiresIn: 600 });
    const gate = gateWith(clock);
    expect(await enter(gate, token)).toHaveProperty('expiresAt');
    clock.wallMs += HOUR_MS;
    expect(await enter(gate, token)).toEqual({ status: 401 });
    clock.wallMs -= 2 * HOUR_MS;
    expect(await enter(gate, token)).toHaveProperty('expiresAt');
  });

  it('set after a token was let in leaves it the time that it had', async () => {
    const clock = new FakeClock();
    clock.wallMs = Date.now();
    const token = await tokenFor({ sub: 'dev-1', role: 'device' }, { expiresIn: 600 });
    const admitted = (await enter(gateWith(clock), token)) as { expiresAt: number };
    expect(admitted.expiresAt - clock.now()).toBeLessThanOrEqual(600_000);
    expect(admitted.expiresAt - clock.now()).toBeGreaterThan(590_000);
  });

  it.each(leaps)('set by %i ms neither ends nor prolongs a ban', async (leap) => {
    const clock = new FakeClock();
    const gate = gateWith(clock, { authFailuresPerMinute: 1 });
    expect(await enter(gate, 'wrong')).toEqual({ status: 401 });
    clock.wallMs += leap;
    expect(await enter(gate, 'wrong')).toEqual({ status: 429 });
    clock.nowMs += 61_000;
    expect(await enter(gate, 'wrong')).toEqual({ status: 401 });
  });
});
