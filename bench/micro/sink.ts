/** A connection to nobody. */
import type { Connection } from '../../src/transport/transport.ts';

/** Counts what it would send. */
export class Sink implements Connection<unknown> {
  readonly session = undefined;
  readonly transport = 'websocket';
  readonly remoteAddress = '192.0.2.1';
  frames = 0;
  bytes = 0;
  send(frame: string | Uint8Array): void {
    this.frames += 1;
    this.bytes += frame.length;
  }
  cork(body: () => void): void {
    body();
  }
  ping(): void {}
  close(): void {}
  terminate(): void {}
  join(): void {}
  leave(): void {}
  bufferedBytes(): number {
    return 0;
  }
}
