/** A conversation over WebSocket: the upgrade, frames, pings and closes; what a message means is the wire's. */
import {
  clientFrame,
  type FrameHead,
  goodbyeFrame,
  Opcode,
  readFrame,
  readUpgradeAnswer,
  upgradeRequest,
} from './frames.ts';
import type { Conversation, ConversationEvents, Speaker } from './wire.ts';

export abstract class FramedConversation implements Conversation {
  readonly hello: Buffer;
  readonly goodbye = goodbyeFrame();
  protected readonly on: ConversationEvents;
  readonly #head: FrameHead = { opcode: 0, start: 0, end: 0 };
  #upgraded = false;

  /** @param path where the URL has none @param headers of the upgrade, beside those that it needs */
  constructor(speaker: Speaker, on: ConversationEvents, path: string, headers: readonly string[] = []) {
    this.on = on;
    this.hello = upgradeRequest(speaker, path, headers);
  }

  /** One text or binary message; its bytes are valid only while this runs. */
  protected abstract message(bytes: Buffer, start: number, end: number): void;

  /** The upgrade is done. */
  protected upgraded(): void {}

  take(bytes: Buffer, from: number, to: number): number {
    let at = from;
    if (!this.#upgraded) {
      const answer = readUpgradeAnswer(bytes, from, to);
      if (answer === undefined) return from;
      if (answer.refusal !== undefined) {
        this.on.refused(answer.refusal);
        return to; // what follows is the body of the refusal
      }
      at = answer.end;
      this.#upgraded = true;
      this.upgraded();
    }
    const head = this.#head;
    while (readFrame(bytes, at, to, head)) {
      const { opcode, start, end } = head;
      if (opcode === Opcode.ping) {
        this.on.write(clientFrame(Opcode.pong, Buffer.from(bytes.subarray(start, end))));
      } else if (opcode === Opcode.close) {
        this.on.refused(`closed with ${end - start >= 2 ? bytes.readUInt16BE(start) : 1005}`);
      } else {
        this.message(bytes, start, end);
      }
      at = end;
    }
    return at;
  }
}
