/** A device's session. */
import type { Actor } from '../../access/actor.ts';
import type { Admitted } from '../../access/admission.ts';
import { SessionKind } from '../../records/requests.ts';
import type { DeviceCodec } from '../../wire/codec.ts';
import { Session } from '../session.ts';

export class DeviceSession extends Session {
  readonly kind = SessionKind.device;
  readonly codec: DeviceCodec;
  override readonly wantsInterest: boolean;
  /** The interest that it was last told; undefined before the first time, and if it does not want to know. */
  toldInterest: boolean | undefined;
  /** Events that the owner will acknowledge: their acks come before those of later events. */
  acksDue = 0;
  /** The position after its last event in the link to the owner (`OwnerLine.position`). */
  lastEventAt = 0;

  constructor(
    admitted: Admitted,
    number: number,
    connectedAt: number,
    { codec, wantsInterest }: { readonly codec: DeviceCodec; readonly wantsInterest: boolean },
  ) {
    super(admitted, number, connectedAt);
    this.codec = codec;
    this.wantsInterest = wantsInterest;
  }

  /** The owner has taken an event. @param id as the event had it */
  acked(id: Uint8Array, seq: number, skipped: boolean): void {
    this.send(this.codec.ack(Buffer.from(id).toString('utf8'), seq, skipped));
  }

  get actor(): Actor {
    return { role: 'device', id: this.id, devices: undefined, vip: false };
  }
}
