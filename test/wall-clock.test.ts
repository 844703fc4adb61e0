/** The wall clock is set back and forward: tokens are verified by it, and nothing else goes by it. */
import { describe, expect, it } from 'vitest';
import { Admission, type AdmissionSettings } from '../src/access/admission.ts';
import { createAdmissionMemory } from '../src/access/admission-state.ts';
import { Counters, createCounters } from '../src/memory/counters.ts';
import { OwnerHarness } from './owner/owner-harness.ts';
import { FakeClock } from './support/fake-clock.ts';
import { SECRET, tokenFor } from './support/tokens.ts';

const HOUR_MS = 3_600_000;
const leaps = [HOUR_MS, -2 * HOUR_MS, 2 * HOUR_MS, -HOUR_MS];

const open: AdmissionSettings = {
  maxConnectionsPerAddress: 0,
  connectionsPerSecondPerAddress: 0,
  authFailuresPerMinute: 0,
  authBanMs: 60_000,
};

function admissionWith(clock: FakeClock, settings: Partial<AdmissionSettings> = {}): Admission {
  return new Admission({
    memory: createAdmissionMemory([createCounters()], 0, 'seed'),
    thread: 0,
    settings: { ...open, ...settings },
    tokens: { secret: SECRET, publicKey: '', jwksUrl: '', audience: '', issuer: '' },
    clock,
    counters: new Counters(createCounters()),
  });
}

/** The status of the refusal, or when the token counts for nothing any more. */
async function enter(
  admission: Admission,
  token: string,
): Promise<{ status: number } | { expiresAt: number }> {
  const arrived = admission.arrive('10.0.0.1');
  if (!arrived.ok) return { status: arrived.status };
  const { address } = arrived;
  const answer = await admission.admit({ address, token, id: undefined, role: 'device' });
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
    const admission = admissionWith(clock);
    expect(await enter(admission, token)).toHaveProperty('expiresAt');
    clock.wallMs += HOUR_MS;
    expect(await enter(admission, token)).toEqual({ status: 401 });
    clock.wallMs -= 2 * HOUR_MS;
    expect(await enter(admission, token)).toHaveProperty('expiresAt');
  });

  it('set after a token was let in leaves it the time that it had', async () => {
    const clock = new FakeClock();
    clock.wallMs = Date.now();
    const exp = Math.floor(clock.wallMs / 1e3) + 600;
    const token = await tokenFor({ sub: 'dev-1', role: 'device', exp });
    const admitted = (await enter(admissionWith(clock), token)) as { expiresAt: number };
    expect(admitted.expiresAt - clock.now()).toBe(exp * 1e3 - clock.wallMs);
  });

  it.each(leaps)('set by %i ms neither ends nor prolongs a ban', async (leap) => {
    const clock = new FakeClock();
    const admission = admissionWith(clock, { authFailuresPerMinute: 1 });
    expect(await enter(admission, 'wrong')).toEqual({ status: 401 });
    clock.wallMs += leap;
    expect(await enter(admission, 'wrong')).toEqual({ status: 429 });
    clock.nowMs += 61_000;
    expect(await enter(admission, 'wrong')).toEqual({ status: 401 });
  });
});
