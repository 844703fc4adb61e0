/** The NATS client protocol over plain TCP: a device publishes to the subject of its name. */
import type {
  Conversation,
  ConversationEvents,
  Speaker,
  SpeakerRole,
  Wire,
} from '../../../src/cli/bench/wires/wire.ts';

const CONNECT = 'CONNECT {"verbose":false,"pedantic":false,"lang":"bench","version":"1"}\r\n';
const LETTER = { M: 0x4d, P: 0x50, I: 0x49, O: 0x4f } as const;

export const natsWire: Wire = {
  converse: (speaker, on) => new Client(speaker, on),
  publish: (device, json) => Buffer.from(`PUB ${device} ${Buffer.byteLength(json)}\r\n${json}\r\n`),
  // One subscription id per device: unsubscribing names it.
  follow: (device, follows) =>
    Buffer.from(follows ? `SUB ${device} ${sidOf(device)}\r\n` : `UNSUB ${sidOf(device)}\r\n`),
};

function sidOf(device: string): string {
  return device.replace(/\D/g, '');
}

class Client implements Conversation {
  readonly hello = Buffer.alloc(0);
  readonly #role: SpeakerRole;
  readonly #devices: readonly string[];
  readonly #on: ConversationEvents;
  #ready = false;

  constructor({ role, devices }: Speaker, on: ConversationEvents) {
    this.#role = role;
    this.#devices = devices;
    this.#on = on;
  }

  take(bytes: Buffer, from: number, to: number): number {
    let at = from;
    for (;;) {
      const lineEnd = bytes.indexOf(0x0a, at);
      if (lineEnd < 0 || lineEnd >= to) return at;
      const first = bytes[at];
      if (first === LETTER.M) {
        const end = lineEnd + 1 + sizeIn(bytes, lineEnd) + 2;
        if (end > to) return at;
        this.#on.event(bytes, lineEnd + 1, end - 2);
        at = end;
        continue;
      }
      this.#line(bytes, at, lineEnd);
      at = lineEnd + 1;
    }
  }

  #line(bytes: Buffer, at: number, lineEnd: number): void {
    const line = bytes.toString('latin1', at, lineEnd).trim();
    if (line.startsWith('INFO')) {
      const wanted =
        this.#role === 'device'
          ? ''
          : this.#devices.map((device) => `SUB ${device} ${sidOf(device)}\r\n`).join('');
      this.#on.write(Buffer.from(`${CONNECT}${wanted}PING\r\n`));
    } else if (line === 'PING') this.#on.write(Buffer.from('PONG\r\n'));
    else if (line === 'PONG' && !this.#ready) {
      this.#ready = true;
      this.#on.ready();
    } else if (line.startsWith('-ERR')) this.#on.refused(line);
  }
}

/** The last number of `MSG <subject> <sid> <bytes>\r\n`. */
function sizeIn(bytes: Buffer, lineEnd: number): number {
  let value = 0;
  let scale = 1;
  for (let i = lineEnd - 2; bytes[i]! >= 0x30; i--) {
    value += (bytes[i]! - 0x30) * scale;
    scale *= 10;
  }
  return value;
}
