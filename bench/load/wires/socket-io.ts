/** Socket.IO 4 over its WebSocket transport: Engine.IO packets (`0` open, `2` ping, `4` message) in text frames. */
import { FramedConversation } from '../../../src/cli/bench/wires/framed.ts';
import { clientFrame, Opcode } from '../../../src/cli/bench/wires/frames.ts';
import type { ConversationEvents, Speaker, SpeakerRole, Wire } from '../../../src/cli/bench/wires/wire.ts';

const text = (packet: string): Buffer => clientFrame(Opcode.text, Buffer.from(packet));
const OPEN = 0x30;
const PING = 0x32;
const MESSAGE = 0x34;
const CONNECTED = 0x30; // after MESSAGE
const ACK = 0x33; // after MESSAGE

export const socketIoWire: Wire = {
  converse: (speaker, on) => new Client(speaker, on),
  publish: (_device, json) => text(`42["event",{"type":"message","data":${json}}]`),
};

class Client extends FramedConversation {
  readonly #role: SpeakerRole;
  readonly #devices: readonly string[];

  constructor(speaker: Speaker, on: ConversationEvents) {
    const { role, id, devices } = speaker;
    super(speaker, on, `/socket.io/?EIO=4&transport=websocket&id=${id}`);
    this.#role = role;
    this.#devices = devices;
  }

  protected override message(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] === PING) this.on.write(text('3'));
    else if (bytes[start] === OPEN) this.on.write(text('40'));
    else if (bytes[start] !== MESSAGE) return;
    else if (bytes[start + 1] === CONNECTED) this.#connected();
    else if (bytes[start + 1] === ACK) this.on.ready();
    else this.on.event(bytes, start, end);
  }

  #connected(): void {
    if (this.#role === 'device') this.on.ready();
    else this.on.write(text(`420["subscribe",${JSON.stringify(this.#devices)}]`));
  }
}
