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
  /** What it was told of interest last; undefined before the first time, and when it does not want to know. */
  toldInterest: boolean | undefined;
  /** Events that are with the owner and will be answered: their acks come before those of later events. */
  acksDue = 0;
  /** Behind its last event in the line to the owner (`OwnerLine.position`). */
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
