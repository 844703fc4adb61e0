import { describe, expect, it } from 'vitest';
import type { Admitted, Credentials, Refused } from '../../../src/access/admission.ts';
import { admitClient } from '../../../src/edge/mqtt/admitting.ts';

const PLACE = { address: 3, remoteAddress: '192.0.2.1' } as const;

function admit(decision: Admitted | Refused | Promise<Admitted | Refused>, clientId = 'dev') {
  const asked: Credentials[] = [];
  const told: unknown[] = [];
  const answers: unknown[] = [];
  const deps = {
    admission: {
      admit: (credentials: Credentials) => {
        asked.push(credentials);
        return decision;
      },
    },
    journal: { refused: (entry: unknown) => void told.push(entry) },
  };
  admitClient(deps, { clientId, token: 't' }, PLACE, (...answer) => answers.push(answer));
  return { asked, told, answers };
}

const actor = { role: 'device', id: 'dev', devices: undefined, vip: false } as const;
const admitted: Admitted = { ok: true, actor, idIsGenerated: false, address: 3, expiresAt: 0 };
const refused: Refused = { ok: false, reason: 'token', status: 401, message: 'a token is needed' };

describe('the client of a CONNECT', () => {
  it('is admitted with what it says, at once where that is decided at once', () => {
    const { asked, told, answers } = admit(admitted);
    expect(asked).toEqual([{ address: 3, token: 't', id: 'dev', role: undefined, isOpen: true }]);
    expect(answers).toEqual([[{ ok: true, id: 'dev', role: 'device', scope: undefined }, admitted]]);
    expect(told).toEqual([]);
    expect(admit(admitted, '').asked).toMatchObject([{ id: undefined }]);
  });

  it('is refused in MQTT\u2019s words, and the log is told', async () => {
    const { told, answers } = admit(Promise.resolve(refused));
    expect(answers).toEqual([]);
    await Promise.resolve();
    expect(answers).toEqual([[{ ok: false, refusal: 'badToken', message: 'a token is needed' }, undefined]]);
    const { ok: _, ...why } = refused;
    expect(told).toEqual([{ ...why, role: undefined, address: '192.0.2.1', id: 'dev' }]);
  });
});
