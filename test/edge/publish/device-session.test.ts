import { expect, it } from 'vitest';
import { DeviceSession } from '../../../src/edge/publish/device-session.ts';
import { jsonDeviceCodec } from '../../../src/wire/hub-frames.ts';

it('acts as its device alone, whatever else its token says', () => {
  const actor = { role: 'admin', id: 'dev', devices: undefined, vip: true } as const;
  const admitted = { ok: true, actor, idIsGenerated: false, address: 0, expiresAt: 0 } as const;
  const session = new DeviceSession(admitted, 1, 1, { codec: jsonDeviceCodec, wantsInterest: true });
  expect(session.actor).toEqual({ role: 'device', id: 'dev', devices: undefined, vip: false });
  expect(session.wantsInterest).toBe(true);
});
