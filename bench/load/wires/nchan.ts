/** nginx with nchan: publishing and multiplexed subscribing over WebSocket; an event comes as its payload alone. */
import { FramedConversation } from './framed.ts';
import { clientFrame, Opcode } from './frames.ts';
import type { Listening, Role, Wire } from './wire.ts';

export const nchanWire: Wire = {
  converse: (role, id, devices, on) => new Client(role, id, devices, on),
  publish: (_device, json) => clientFrame(Opcode.text, Buffer.from(json)),
};

class Client extends FramedConversation {
  constructor(role: Role, id: string, devices: readonly string[], on: Listening) {
    super(on, role === 'device' ? `/pub/${id}` : `/sub/${devices.join(',')}`);
  }

  protected override upgraded(): void {
    this.on.ready();
  }

  protected override message(bytes: Buffer, start: number, end: number): void {
    this.on.event(bytes, start, end);
  }
}
