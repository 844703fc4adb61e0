/** Attacks of MQTT clients, over TCP and over WebSocket in turn. */
import mqttPacket, { type Packet } from 'mqtt-packet';
import { Opcode } from '../../support/raw-peer.ts';
import type { Attack, Scene } from '../attack.ts';
import { Connection, whenClosed } from '../connection.ts';
import { frameOf, repeated } from '../frames.ts';
import { again, paced, pause } from '../pace.ts';

type Version = 4 | 5;

const CONNACK = 2;
const DISCONNECT = 14;
const QOS2_IDS = 65_535;
const HELD = 400;
const ANSWER_MS = 10_000;

const encode = (packet: Packet, version: Version): Buffer =>
  mqttPacket.generate(packet, { protocolVersion: version });
const connectOf = (clientId: string, version: Version): Buffer =>
  encode(
    { cmd: 'connect', protocolId: 'MQTT', protocolVersion: version, clientId, clean: true, keepalive: 60 },
    version,
  );

/** A client's way to the hub. */
interface Pipe {
  readonly connection: Connection;
  /** Settles with CONNACK, with the end of the connection, or when it takes too long. */
  readonly answered: Promise<void>;
  write(bytes: Uint8Array): unknown;
}

let pipes = 0;

/** Every second one is a WebSocket. */
async function openPipe(scene: Scene, kind = pipes++ % 2): Promise<Pipe | undefined> {
  const { target, notes } = scene;
  let answer: () => void = () => {};
  const connack = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const look = (bytes: Buffer): void => {
    lookAt(scene, bytes);
    answer();
  };
  const asPipe = (connection: Connection | undefined, write: (bytes: Uint8Array) => unknown) =>
    connection && {
      connection,
      write,
      answered: Promise.race([connack, connection.closed, pause(ANSWER_MS, scene.signal)]),
    };
  if (kind === 0) {
    const connection = await Connection.tcp(target.mqttPort, notes);
    connection?.onBytes(look);
    return asPipe(connection, (bytes) => connection?.write(bytes));
  }
  const connection = await Connection.open(target.subscriberPort, '/mqtt', notes, {
    headers: { 'Sec-WebSocket-Protocol': 'mqtt' },
    onFrame: ({ opcode, payload }) => {
      if (opcode === Opcode.binary) look(payload);
    },
  });
  return asPipe(connection, (bytes) => connection?.write(frameOf(Opcode.binary, bytes)));
}

/** The first packet of what came is enough for the notes. */
function lookAt({ notes }: Scene, bytes: Buffer): void {
  const kind = (bytes[0] ?? 0) >> 4;
  if (kind === CONNACK && (bytes[3] ?? 0) !== 0) notes.add(`CONNACK 0x${bytes[3]!.toString(16)}`);
  if (kind === DISCONNECT) notes.add(`DISCONNECT 0x${(bytes[2] ?? 0).toString(16)}`);
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** What comes first in a connection. */
const firsts: readonly Buffer[] = [
  hex('10ffffffffffff'), // a remaining length without end
  hex('10ffffff7f'), // of 256 MiB
  hex('10f4ff03 00044d515454'), // the largest that is small enough, and next to nothing of it
  hex('101000044d5154540502003cffffff7f0000'), // properties of 256 MiB
  hex('100d00044d5154540402003c0001ff'), // a client id that is no UTF-8
  connectOf('x'.repeat(60_000), 5),
  hex('100c00044d515454 04 00 003c 0000'), // no client id, and a session to keep
  hex('c000'),
  Buffer.alloc(1000),
];

/** What comes after a good CONNECT. */
const seconds: readonly Buffer[] = [
  hex('30060003eda08000'), // a topic of surrogates
  hex('30050002c32800'), // a topic that is no UTF-8
  hex('3008000424535953 0061'), // a topic with $
  hex('300700016103 23ffff'), // a topic alias of 65535
  hex('30f0a204'), // a packet of more than 64 KiB
  hex('3206000161000000'), // packet id 0
  connectOf('again', 5),
  hex('8203000100'),
];

const malformed: Attack = {
  name: 'mqtt-malformed',
  what: 'connects 300 MQTT clients a second that each send a malformed packet: lengths without end, invalid UTF-8, ids that are empty or far too long, topics with $',
  async run(scene) {
    const attempt = async (n: number): Promise<void> => {
      const pipe = await openPipe(scene);
      if (pipe === undefined) return;
      const bytes =
        n % 2 === 0
          ? firsts[(n >> 1) % firsts.length]!
          : Buffer.concat([connectOf(`evil-${n % 100}`, 5), seconds[(n >> 1) % seconds.length]!]);
      pipe.write(bytes);
      await Promise.race([pipe.connection.closed, pause(500, scene.signal)]);
      pipe.connection.end();
    };
    await paced(300, scene.signal, (n) => void attempt(n));
  },
};

const dribble: Attack = {
  name: 'mqtt-dribble',
  what: `keeps ${HELD} MQTT connections that send a packet of 64 KB, one byte a second`,
  async run(scene) {
    const packet = Buffer.concat([
      connectOf('dribble', 4),
      encode(
        {
          cmd: 'publish',
          topic: 'devices/d/message',
          payload: 'x'.repeat(60_000),
          qos: 0,
          dup: false,
          retain: false,
        },
        4,
      ),
    ]);
    await Promise.all(
      Array.from({ length: HELD }, async (_, n) => {
        await pause(n * 3, scene.signal);
        await again(
          scene.signal,
          () => openPipe(scene, n % 2),
          async ({ connection, write }) => {
            const over = AbortSignal.any([scene.signal, whenClosed(connection)]);
            await paced(1, over, (at) =>
              write(packet.subarray(at % packet.length, (at % packet.length) + 1)),
            );
            connection.end();
          },
        );
      }),
    );
  },
};

const qos2: Attack = {
  name: 'mqtt-qos2',
  what: 'opens QoS 2 packet ids up to 65,535 without ever releasing one, 10,000 a second, as one client after the other',
  async run(scene) {
    let clients = 0;
    await again(
      scene.signal,
      () => openPipe(scene),
      async ({ connection, write, answered }) => {
        const version = clients % 2 === 0 ? 4 : 5;
        const topic = `devices/greedy-${clients++}/message`;
        write(connectOf(topic.split('/')[1]!, version));
        await answered;
        const over = AbortSignal.any([scene.signal, whenClosed(connection)]);
        await paced(200, over, (n) => {
          if (connection.isFull) return;
          const packets = Array.from({ length: 50 }, (_, i) => {
            const messageId = ((n * 50 + i) % QOS2_IDS) + 1;
            return encode(
              { cmd: 'publish', topic, payload: 'x', qos: 2, messageId, dup: false, retain: false },
              version,
            );
          });
          write(Buffer.concat(packets));
        });
        connection.end();
      },
    );
  },
};

const tinyPackets: Attack = {
  name: 'mqtt-tiny',
  what: 'two MQTT clients that each send up to 7 MB/s of PINGREQ, of two bytes each, and come back as others when they are closed',
  async run(scene) {
    const pings = repeated(hex('c000'), 35_000);
    let clients = 0;
    await Promise.all(
      [0, 1].map((kind) =>
        again(
          scene.signal,
          () => openPipe(scene, kind),
          async ({ connection, write, answered }) => {
            write(connectOf(`tiny-${clients++}`, 5));
            await answered;
            await paced(200, AbortSignal.any([scene.signal, whenClosed(connection)]), () => {
              if (!connection.isFull) write(pings);
            });
            connection.end();
          },
        ),
      ),
    );
  },
};

const topics: Attack = {
  name: 'mqtt-topics',
  what: 'an MQTT client that subscribes to 500 topics in a packet and leaves them, 90 packets a second; another subscribes to # as often',
  async run(scene) {
    const subscribe = (from: readonly string[], messageId: number): Buffer =>
      encode({ cmd: 'subscribe', messageId, subscriptions: from.map((topic) => ({ topic, qos: 0 })) }, 4);
    const leave = (from: readonly string[], messageId: number): Buffer =>
      encode({ cmd: 'unsubscribe', messageId, unsubscriptions: [...from] }, 4);
    const many = Array.from({ length: 500 }, (_, n) => `devices/topic-${n}/message`);
    await Promise.all(
      [many, ['#']].map((wanted, kind) =>
        again(
          scene.signal,
          () => openPipe(scene, kind),
          async ({ connection, write, answered }) => {
            write(connectOf(`topics-${kind}`, 4));
            await answered;
            await paced(90, AbortSignal.any([scene.signal, whenClosed(connection)]), (n) => {
              if (connection.isFull) return;
              write(n % 2 === 0 ? subscribe(wanted, (n % 60_000) + 1) : leave(wanted, (n % 60_000) + 1));
              scene.notes.add('frames sent');
            });
            connection.end();
          },
        ),
      ),
    );
  },
};

export const mqttAttacks: readonly Attack[] = [malformed, dribble, qos2, tinyPackets, topics];
