/** The connection of an MQTT client as its sessions use it: what they close is the client. */

import type { Connection } from '../../transport/transport.ts';
import { closeByCode } from '../close-by-code.ts';
import type { Closable } from '../session.ts';

export class ClientConnection implements Connection<unknown> {
  readonly session: Closable;
  readonly #socket: Connection<unknown>;

  constructor(client: Closable, socket: Connection<unknown>) {
    this.session = client;
    this.#socket = socket;
  }

  get transport(): Connection<unknown>['transport'] {
    return this.#socket.transport;
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress;
  }

  send(packet: string | Uint8Array, binary: boolean): void {
    this.#socket.send(packet, binary);
  }

  cork(body: () => void): void {
    this.#socket.cork(body);
  }

  /** MQTT's keep-alive is its clients' to keep. */
  ping(): void {}

  close(code: number): void {
    this.session.close(closeByCode(code));
  }

  terminate(): void {
    this.#socket.terminate();
  }

  join(topic: string): void {
    this.#socket.join(topic);
  }

  leave(topic: string): void {
    this.#socket.leave(topic);
  }

  bufferedBytes(): number {
    return this.#socket.bufferedBytes();
  }
}
