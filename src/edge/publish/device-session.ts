/** A device's session. */
import type { Actor } from '../../access/actor.ts';
import type { Admitted } from '../../access/admission.ts';
import { SessionKind } from '../../records/requests.ts';
import type { DeviceCodec } from '../../wire/codec.ts';
import { Session } from '../session.ts';

export class DeviceSession extends Session {
  readonly kind = SessionKind.device;
  readonly codec: DeviceCodec;

  constructor(admitted: Admitted, number: number, connectedAt: number, codec: DeviceCodec) {
    super(admitted, number, connectedAt);
    this.codec = codec;
  }

  get actor(): Actor {
    return { role: 'device', id: this.id, devices: undefined, vip: false };
  }
}
