/** nginx with nchan: publishing and multiplexed subscribing over WebSocket; an event comes as its payload alone. */
import { FramedConversation } from '../../../src/cli/bench/wires/framed.ts';
import { clientFrame, Opcode } from '../../../src/cli/bench/wires/frames.ts';
import type { ConversationEvents, Speaker, Wire } from '../../../src/cli/bench/wires/wire.ts';

export const nchanWire: Wire = {
  converse: (speaker, on) => new Client(speaker, on),
  publish: (_device, json) => clientFrame(Opcode.text, Buffer.from(json)),
};

class Client extends FramedConversation {
  constructor(speaker: Speaker, on: ConversationEvents) {
    const { role, id, devices } = speaker;
    super(speaker, on, role === 'device' ? `/pub/${id}` : `/sub/${devices.join(',')}`);
  }

  protected override upgraded(): void {
    this.on.ready();
  }

  protected override message(bytes: Buffer, start: number, end: number): void {
    this.on.event(bytes, start, end);
  }
}
