/** Attacks of devices and gateways. */
import { Opcode } from '../../support/raw-peer.ts';
import { type Attack, type Scene, VICTIM } from '../attack.ts';
import { Connection, whenClosed } from '../connection.ts';
import { frameOf, jsonFrame, repeated, textFrame } from '../frames.ts';
import { again, paced, pause } from '../pace.ts';

/** Seven megabytes a second in chunks of what a socket takes at once. */
const CHUNK_BYTES = 35_000;
const CHUNKS_PER_SECOND = 200;

let connections = 0;

function device(scene: Scene): Promise<Connection | undefined> {
  connections += 1;
  return Connection.open(scene.target.devicePort, `/v1/device?id=hostile-${connections}`, scene.notes);
}

function subscriber(scene: Scene): Promise<Connection | undefined> {
  connections += 1;
  return Connection.open(scene.target.subscriberPort, `/v1/subscribe?id=tiny-${connections}`, scene.notes);
}

export function openGateway(scene: Scene, id: string): Promise<Connection | undefined> {
  return Connection.open(scene.target.devicePort, `/v1/gateway?id=${id}`, scene.notes);
}

/** One connection after the other, each full of the same tiny frame. */
function tiny(scene: Scene, open: () => Promise<Connection | undefined>, frame: Buffer): Promise<void> {
  const chunk = repeated(frame, CHUNK_BYTES);
  return again(scene.signal, open, async (connection) => {
    const over = AbortSignal.any([scene.signal, whenClosed(connection)]);
    await paced(CHUNKS_PER_SECOND, over, () => {
      if (!connection.isFull) connection.write(chunk);
    });
    connection.end();
  });
}

const tinyFrames: readonly Attack[] = (
  [
    ['bad', 'frames that are not JSON', textFrame('x'), textFrame('x')],
    [
      'over-rate',
      'good frames, far over their rate',
      textFrame('{"type":"pong"}'),
      textFrame('{"op":"touch"}'),
    ],
    ['ping', 'WebSocket pings', frameOf(Opcode.ping, Buffer.alloc(0)), frameOf(Opcode.ping, Buffer.alloc(0))],
  ] as const
).map(([name, what, ofDevice, ofSubscriber]) => ({
  name: `tiny-${name}`,
  losesNothing: true,
  what: `a device and a subscriber that each send up to 7 MB/s of ${what}, and come back as another when they are closed`,
  async run(scene) {
    await Promise.all([
      tiny(scene, () => device(scene), ofDevice),
      tiny(scene, () => subscriber(scene), ofSubscriber),
    ]);
  },
}));

/** Levels that fit a frame, and far more than JSON may have here. */
const DEEP = 30_000;
const DEEPER = 250_000;

const deepJson: Attack = {
  name: 'deep-json',
  what: `sends JSON of ${DEEP} levels as a device, 90 times a second, and of ${DEEPER} levels to the admin API, 10 times`,
  async run(scene) {
    const { signal, target, notes } = scene;
    const deep = textFrame(`{"type":"message","data":${'['.repeat(DEEP)}${']'.repeat(DEEP)}}`);
    const body = `{"type":"message","data":${'['.repeat(DEEPER)}${']'.repeat(DEEPER)}}`;
    const ofDevice = again(
      signal,
      () => device(scene),
      async (connection) => {
        await paced(90, AbortSignal.any([signal, whenClosed(connection)]), () => void connection.write(deep));
        connection.end();
      },
    );
    const ofOperator = paced(10, signal, async () => {
      const url = `http://127.0.0.1:${target.adminPort}/v1/devices/deep/events`;
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(url, { method: 'POST', body, headers }).catch(() => undefined);
      await answer?.arrayBuffer().catch(() => {});
      notes.add(answer === undefined ? 'cut off without a code' : `HTTP ${answer.status}`);
    });
    await Promise.all([ofDevice, ofOperator]);
  },
};

/** 64 characters of four bytes: the longest status there is. */
const LONG_STATUS = '🔋'.repeat(64);

const texts: Attack = {
  name: 'texts',
  what: 'fills and frees the memory of texts: a gateway whose devices have ids of 62 and 128 bytes and statuses of 62 and 256, 2000 a second',
  async run(scene) {
    let gateways = 0;
    await again(
      scene.signal,
      () => openGateway(scene, `texts-${gateways++}`),
      async (connection) => {
        await paced(200, AbortSignal.any([scene.signal, whenClosed(connection)]), (n) => {
          if (connection.isFull) return;
          const frames = Array.from({ length: 10 }, (_, i) => {
            const number = n * 10 + i;
            const id = `${number % 9000}-`.padEnd((number / 9000) % 2 < 1 ? 62 : 128, 'x');
            const status = number % 2 === 0 ? 's'.repeat(62) : LONG_STATUS;
            return [
              jsonFrame({ type: 'status', status, device: id }),
              jsonFrame({ op: 'close', device: id }),
            ];
          });
          connection.write(Buffer.concat(frames.flat()));
        });
        connection.end();
      },
    );
  },
};

const gatewayChurn: Attack = {
  name: 'gateway-churn',
  what: 'two gateways of one id that take 5000 devices from each other, once a second, and are cut off',
  async run(scene) {
    const opens = Buffer.concat(
      Array.from({ length: 5000 }, (_, n) => jsonFrame({ op: 'open', device: `churn-${n}` })),
    );
    const events = Buffer.concat(
      Array.from({ length: 5000 }, (_, n) => jsonFrame({ type: 'pong', device: `churn-${n}` })),
    );
    await paced(1, scene.signal, async () => {
      const gateway = await openGateway(scene, 'churn');
      gateway?.write(opens);
      gateway?.write(events);
      void gateway?.closed.then(() => {});
    });
  },
};

/** As many as one gateway may have, and as it may open at once with its burst. */
const OPENED = 10_000;

const gatewayOpens: Attack = {
  name: 'gateway-opens',
  what: `a gateway that opens ${OPENED} devices at once and is cut off, once a second, each time as another gateway`,
  async run(scene) {
    const opens = Buffer.concat(
      Array.from({ length: OPENED }, (_, n) => jsonFrame({ op: 'open', device: `opened-${n}` })),
    );
    await paced(1, scene.signal, async (n) => {
      const gateway = await openGateway(scene, `opens-${n}`);
      gateway?.write(opens);
      await pause(900, scene.signal);
      gateway?.end();
    });
  },
};

const takeovers: Attack = {
  name: 'takeovers',
  what: "connects 200 times a second with the same ten ids, as devices and as subscribers that follow the victim's device",
  async run(scene) {
    const { target, notes } = scene;
    await paced(200, scene.signal, (n) => {
      const id = `taken-${n % 10}`;
      const [port, path] =
        n % 20 < 10
          ? [target.devicePort, `/v1/device?id=${id}`]
          : [target.subscriberPort, `/v1/subscribe?id=${id}&devices=${VICTIM}`];
      void Connection.open(port!, path!, notes);
    });
  },
};

export const deviceAttacks: readonly Attack[] = [
  ...tinyFrames,
  deepJson,
  texts,
  gatewayChurn,
  gatewayOpens,
  takeovers,
];
