/** Attacks of subscribers that ask for much. */
import { type Attack, type Scene, VICTIM } from '../attack.ts';
import { Connection, type Frame, whenClosed } from '../connection.ts';
import { jsonFrame, textFrame } from '../frames.ts';
import { again, paced, pause } from '../pace.ts';
import { openGateway } from './devices.ts';

/** What a frame may name (contract). */
const IDS_MAX = 1000;
/** Half of the device table: as many ids that no device uses as can be followed. */
const FOLLOWED = 50_000;
/** Ids per second that a subscriber pays for with its rate: each costs a fiftieth of a frame. */
const PAID_FRAMES = 47;

const idsFrom = (prefix: string, from: number, count = IDS_MAX): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${from + n}`);

let connections = 0;

/** A subscriber with an id of its own, so that each has a whole allowance. */
function subscriber(scene: Scene, onFrame?: (frame: Frame) => void): Promise<Connection | undefined> {
  connections += 1;
  const path = `/v1/subscribe?id=hostile-${connections}`;
  return Connection.open(
    scene.target.subscriberPort,
    path,
    scene.notes,
    onFrame === undefined ? {} : { onFrame },
  );
}

/** Sends frames in turn at a rate, on one connection after the other. */
async function flood(scene: Scene, perSecond: number, frames: readonly Buffer[]): Promise<void> {
  await again(
    scene.signal,
    () => subscriber(scene),
    async (connection) => {
      const over = AbortSignal.any([scene.signal, whenClosed(connection)]);
      await paced(perSecond, over, (n) => {
        if (connection.isFull) return;
        connection.write(frames[n % frames.length]!);
        scene.notes.add('frames sent');
      });
      connection.end();
    },
  );
}

const subscribeAndLeave = (ids: readonly string[]): Buffer[] => [
  jsonFrame({ op: 'subscribe', devices: ids }),
  jsonFrame({ op: 'unsubscribe', devices: ids }),
];

const floods: readonly Attack[] = [
  [1000, 'far over its rate, and comes back as another as soon as it is closed'],
  [400, 'as many as it may send without being closed'],
  [PAID_FRAMES, 'as many as its rate allows'],
].map(([perSecond, how]) => ({
  name: `subscribes-${perSecond}`,
  losesNothing: true,
  what: `sends ${perSecond} subscribes and unsubscribes a second of 1000 ids each: ${how}`,
  run: (scene) => flood(scene, perSecond as number, subscribeAndLeave(idsFrom('flood-', 0))),
}));

/** Of one subscriber; a few more are refused. */
const REQUESTS_WAITING = 8;

/** Follows so many ids as fast as they are answered. */
async function followMany(connection: Connection, prefix: string, signal: AbortSignal): Promise<void> {
  const over = AbortSignal.any([signal, whenClosed(connection)]);
  for (let sent = 0; sent * IDS_MAX < FOLLOWED && !over.aborted; sent++) {
    while (sent - connection.subscribed >= REQUESTS_WAITING && !over.aborted) await pause(2, over);
    connection.write(jsonFrame({ op: 'subscribe', devices: idsFrom(prefix, sent * IDS_MAX) }));
  }
}

const lists: Attack = {
  name: 'lists',
  losesNothing: true,
  what: 'follows 50,000 ids and sends 2000 lists a second',
  run: (scene) =>
    again(
      scene.signal,
      () => subscriber(scene),
      async (connection, signal) => {
        await followMany(connection, 'listed-', signal);
        const list = textFrame('{"op":"list"}');
        await paced(2000, AbortSignal.any([signal, whenClosed(connection)]), () => {
          if (connection.isFull) return;
          connection.write(list);
          scene.notes.add('frames sent');
        });
        connection.end();
      },
    ),
};

const reconnects: Attack = {
  name: 'reconnects',
  losesNothing: true,
  what: 'follows 50,000 ids, and reconnects once a second',
  async run(scene) {
    const path = '/v1/subscribe?id=hostile-and-back';
    const open = () => Connection.open(scene.target.subscriberPort, path, scene.notes);
    const first = await open();
    if (first !== undefined) await followMany(first, 'kept-', scene.signal);
    await pause(1000, scene.signal);
    first?.end();
    await paced(1, scene.signal, async () => {
      const connection = await open();
      await pause(900, scene.signal);
      connection?.end();
    });
  },
};

const madeUp: Attack = {
  name: 'made-up-ids',
  what: 'four subscribers that follow and leave ids that no device has, new ones each time, at their full rate',
  async run(scene) {
    await Promise.all(
      Array.from({ length: 4 }, (_, peer) =>
        again(
          scene.signal,
          () => subscriber(scene),
          async (connection, signal) => {
            const over = AbortSignal.any([signal, whenClosed(connection)]);
            await paced(PAID_FRAMES, over, (n) => {
              const ids = idsFrom(`made-up-${peer}-`, (n >> 1) * IDS_MAX);
              connection.write(jsonFrame({ op: n % 2 === 0 ? 'subscribe' : 'unsubscribe', devices: ids }));
              scene.notes.add('frames sent');
            });
            connection.end();
          },
        ),
      ),
    );
  },
};

/** As long as a frame of a thousand ids can carry. */
const PREFIX = 'p'.repeat(44);
const RULES_MAX = 256;

const commonPrefix: Attack = {
  name: 'common-prefix',
  losesNothing: true,
  what: 'follows 1000 ids at a time, at its full rate, that share their first 44 characters with 256 access rules',
  operators: [
    {
      method: 'PUT',
      path: '/v1/access/rules',
      body: {
        rules: Array.from({ length: RULES_MAX }, (_, n) => ({
          device: `${PREFIX}${n}-*`,
          subscriber: `hostile-${'h'.repeat(n % 100)}*`,
          access: 'allow',
        })),
      },
    },
  ],
  run: (scene) => flood(scene, PAID_FRAMES, subscribeAndLeave(idsFrom(PREFIX, 0))),
};

const CROWD = 10_000;

const filters: Attack = {
  name: 'filters',
  what: `brings ${CROWD} devices with a gateway, then follows all devices with a filter and leaves it, 20 times a second`,
  async run(scene) {
    const gateway = await openGateway(scene, 'hostile-crowd');
    const over = new AbortController();
    await paced(200, AbortSignal.any([scene.signal, over.signal]), (n) => {
      if (n * 50 >= CROWD) over.abort();
      else
        gateway?.write(
          Buffer.concat(idsFrom('crowd-', n * 50, 50).map((device) => jsonFrame({ type: 'pong', device }))),
        );
    });
    await flood(scene, 20, subscribeAndLeave(['*']));
    gateway?.end();
  },
};

const replays: Attack = {
  name: 'replays',
  what: "asks for the history of the victim's device again and again, at its full rate",
  run: (scene) =>
    flood(scene, 900, [
      jsonFrame({ op: 'subscribe', devices: [VICTIM], history: 1000 }),
      jsonFrame({ op: 'unsubscribe', devices: [VICTIM] }),
    ]),
};

const neverReads: Attack = {
  name: 'never-reads',
  what: "follows the victim's device and 50,000 ids with 20 connections, asks for lists, and reads nothing",
  async run(scene) {
    await Promise.all(
      Array.from({ length: 20 }, () =>
        again(
          scene.signal,
          () => subscriber(scene),
          async (connection, signal) => {
            connection.socket.pause();
            connection.write(
              jsonFrame({ op: 'subscribe', devices: [VICTIM, ...idsFrom('unread-', 0, 999)] }),
            );
            const over = AbortSignal.any([signal, whenClosed(connection)]);
            await paced(50, over, () => {
              if (!connection.isFull) connection.write(textFrame('{"op":"list"}'));
            });
            connection.end();
          },
        ),
      ),
    );
  },
};

export const subscriberAttacks: readonly Attack[] = [
  ...floods,
  lists,
  reconnects,
  madeUp,
  commonPrefix,
  filters,
  replays,
  neverReads,
];
