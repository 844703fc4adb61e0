/** nginx with nchan: publishing and multiplexed subscribing over WebSocket; an event comes as its payload alone. */
import {
  clientFrame,
  type FrameHead,
  Opcode,
  readFrame,
  readUpgradeAnswer,
  upgradeRequest,
} from './frames.ts';
import type { Conversation, Listening, Role, Wire } from './wire.ts';

export const nchanWire: Wire = {
  converse: (role, id, devices, on) => new Client(role, id, devices, on),
  publish: (_device, json) => clientFrame(Opcode.text, Buffer.from(json)),
};

class Client implements Conversation {
  readonly hello: Buffer;
  readonly #on: Listening;
  readonly #head: FrameHead = { opcode: 0, start: 0, end: 0 };
  #upgraded = false;

  constructor(role: Role, id: string, devices: readonly string[], on: Listening) {
    this.#on = on;
    this.hello = upgradeRequest(role === 'device' ? `/pub/${id}` : `/sub/${devices.join(',')}`);
  }

  take(bytes: Buffer, from: number, to: number): number {
    let at = from;
    if (!this.#upgraded) {
      at = readUpgradeAnswer(bytes, from, to, this.#on.refused);
      if (at < 0) return from;
      this.#upgraded = true;
      this.#on.ready();
    }
    const head = this.#head;
    while (readFrame(bytes, at, to, head)) {
      const { opcode, start, end } = head;
      if (opcode === Opcode.ping)
        this.#on.write(clientFrame(Opcode.pong, Buffer.from(bytes.subarray(start, end))));
      else if (opcode === Opcode.close) this.#on.refused('closed');
      else this.#on.event(bytes, start, end);
      at = end;
    }
    return at;
  }
}
