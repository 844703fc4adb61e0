/** Attacks with ids: chosen to collide, to be more than they seem, or to be another's. */
import { collidingIds } from '../../support/colliding-ids.ts';
import { tokenFor } from '../../support/tokens.ts';
import { type Attack, VICTIM } from '../attack.ts';
import { Connection, whenClosed } from '../connection.ts';
import { jsonFrame } from '../frames.ts';
import { GRANTED } from '../notes.ts';
import { again, paced, pause } from '../pace.ts';

const PER_FRAME = 700;

const colliding: Attack = {
  name: 'colliding-ids',
  losesNothing: true,
  what: 'follows and leaves 16,384 ids that collide under FNV-1a, 700 a frame, 60 frames a second',
  async run({ target, notes, signal }) {
    const ids = collidingIds();
    const lists = Array.from({ length: Math.floor(ids.length / PER_FRAME) }, (_, n) =>
      ids.slice(n * PER_FRAME, (n + 1) * PER_FRAME),
    );
    const frames = ['subscribe', 'unsubscribe'].flatMap((op) =>
      lists.map((devices) => jsonFrame({ op, devices })),
    );
    await again(
      signal,
      () => Connection.open(target.subscriberPort, '/v1/subscribe?id=colliding', notes),
      async (connection) => {
        await paced(60, AbortSignal.any([signal, whenClosed(connection)]), (n) => {
          connection.write(frames[n % frames.length]!);
          notes.add('frames sent');
        });
        connection.end();
      },
    );
  },
};

/** `.` and `..` are no ids, in whatever way they are written. */
const dots: Attack = {
  name: 'dot-ids',
  what: 'claims, follows and publishes for the ids "." and ".." in every way there is, 200 times a second',
  async run({ target, notes, signal }) {
    const paths = ['.', '..', '%2e', '%2E%2e'].flatMap((id) => [
      [target.devicePort, `/v1/device?id=${id}`] as const,
      [target.devicePort, `/v1/gateway?id=${id}`] as const,
      [target.subscriberPort, `/v1/subscribe?id=${id}`] as const,
      [target.subscriberPort, `/v1/subscribe?id=dots&devices=${id}`] as const,
    ]);
    const follower = await Connection.open(target.subscriberPort, '/v1/subscribe?id=dots-frames', notes, {
      onFrame: ({ payload }) => {
        const said = payload.toString();
        const { op, devices = [], errors = [] } = JSON.parse(said) as Answer;
        if (op !== 'subscribed') return;
        for (const { code } of errors) notes.add(`error ${code}`);
        if (devices.length > 0) notes.add(GRANTED);
      },
    });
    await paced(200, signal, (n) => {
      if (n % 2 === 0) follower?.write(jsonFrame({ op: 'subscribe', devices: ['.', '..'] }));
      else {
        const [port, path] = paths[(n >> 1) % paths.length]!;
        void Connection.open(port, path, notes).then((connection) => {
          if (connection !== undefined) notes.add(GRANTED);
          connection?.end();
        });
      }
    });
    follower?.end();
  },
};

interface Answer {
  readonly op: string;
  readonly devices?: readonly unknown[];
  readonly errors?: readonly { readonly code: number }[];
}

/** The operator paused the pair, so that there is a row; the token does not cover it. */
const uncovered: Attack = {
  name: 'resume-uncovered',
  what: 'resumes a device that an operator paused for it and that its token does not cover, 100 times a second, and reconnects',
  needsTokens: true,
  operators: [
    { method: 'PUT', path: `/v1/devices/${VICTIM}/subscribers/uncovered`, body: { status: 'inactive' } },
  ],
  async run({ target, notes, signal }) {
    const token = await tokenFor({ sub: 'uncovered', role: 'subscriber', devices: ['a-*'] });
    const headers = { Authorization: `Bearer ${token}` };
    await again(
      signal,
      () =>
        Connection.open(target.subscriberPort, '/v1/subscribe', notes, {
          headers,
          onFrame: ({ payload }) => {
            if (payload.includes('"op":"event"')) notes.add(GRANTED);
            else if (payload.includes('"code":103')) notes.add('error 103');
          },
        }),
      async (connection) => {
        const over = AbortSignal.any([signal, whenClosed(connection)]);
        const asks = ['resume', 'subscribe', 'touch'].map((op) =>
          jsonFrame(op === 'touch' ? { op } : { op, devices: [VICTIM] }),
        );
        const turn = new AbortController();
        void pause(1000, over).then(() => turn.abort());
        await paced(100, AbortSignal.any([over, turn.signal]), (n) => {
          connection.write(n % 7 === 6 ? jsonFrame({ op: 'resume' }) : asks[n % asks.length]!);
        });
        connection.end();
      },
    );
  },
};

const unknownKeys: Attack = {
  name: 'unknown-keys',
  what: 'connects 200 times a second with tokens that each name another unknown key, while the key server fails',
  needsTokens: true,
  env: { DAT_AUTH_JWKS_URL: '{keys}' },
  async run({ target, notes, signal }) {
    await paced(200, signal, (n) => {
      const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      const claims = { sub: `unknown-${n}`, role: 'device', exp: 4e9 };
      const token = `${part({ alg: 'RS256', kid: `key-${n}` })}.${part(claims)}.${'x'.repeat(342)}`;
      const headers = { Authorization: `Bearer ${token}` };
      void Connection.open(target.devicePort, '/v1/device', notes, { headers }).then((connection) => {
        if (connection !== undefined) notes.add(GRANTED);
        connection?.end();
      });
    });
  },
};

export const idAttacks: readonly Attack[] = [colliding, dots, uncovered, unknownKeys];
