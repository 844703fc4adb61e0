/** Attacks with connections, before any frame. */
import { type Attack, VICTIM } from '../attack.ts';
import { Connection, upgradeHead } from '../connection.ts';
import { GRANTED } from '../notes.ts';
import { paced, pause } from '../pace.ts';

/** Longer than any that the hub takes. */
const LONG_HEAD_BYTES = 40_000;
const UNFINISHED = 600;
const RETRY_MS = 100;

const idle: Attack = {
  name: 'idle-connections',
  what: 'opens 500 TCP connections a second that never upgrade, on all listeners, until no descriptor is left',
  files: 512,
  env: { DAT_SNAPSHOT_FILE: '{directory}/snapshot.json', DAT_SNAPSHOT_INTERVAL_MS: '500' },
  async run({ target, notes, signal }) {
    const ports = [target.devicePort, target.subscriberPort, target.mqttPort, target.adminPort];
    const held: Connection[] = [];
    await paced(500, signal, (n) => {
      void Connection.tcp(ports[n % ports.length]!, notes).then((connection) => {
        if (connection !== undefined) held.push(connection);
      });
    });
    for (const connection of held) connection.end();
  },
};

const slowHeads: Attack = {
  name: 'slow-heads',
  what: 'keeps 400 upgrades open that send a byte of a header now and then; opens a new one for each that is cut off',
  async run({ target, notes, signal }) {
    await Promise.all(
      Array.from({ length: 400 }, async (_, n) => {
        await pause(n, signal);
        while (!signal.aborted) {
          const connection = await Connection.tcp(
            n % 2 === 0 ? target.devicePort : target.subscriberPort,
            notes,
          );
          connection?.write('GET /v1/device?id=slow HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
          while (connection !== undefined && !connection.isClosed && !signal.aborted) {
            connection.write('x');
            await Promise.race([pause(1000, signal), connection.closed]);
          }
          connection?.end();
        }
      }),
    );
  },
};

const longHeads: Attack = {
  name: 'long-heads',
  what: 'sends 200 upgrades a second with heads of 40 KB, or with a made-up token of 8192 characters and 1000 ids',
  needsTokens: true,
  async run({ target, notes, signal }) {
    const cookie = 'x'.repeat(LONG_HEAD_BYTES);
    const token = `eyJhbGciOiJIUzI1NiJ9.${'x'.repeat(8192 - 64)}.${'y'.repeat(43)}`;
    const devices = Array.from({ length: 1000 }, (_, n) => `device-${n}`).join(',');
    await paced(200, signal, (n) => {
      const [port, path] =
        n % 2 === 0 ? [target.devicePort, '/v1/device'] : [target.subscriberPort, '/v1/subscribe'];
      const query = n % 4 < 2 ? `?id=long&devices=${devices}` : '?id=long';
      const headers: Record<string, string> =
        n % 4 < 2 ? { Authorization: `Bearer ${token}` } : { Cookie: cookie };
      void Connection.open(port!, path + query, notes, { headers }).then((connection) => {
        if (connection !== undefined) notes.add(GRANTED);
        connection?.end();
      });
    });
  },
};

/** What a page of a foreign site reaches when its name is made to point at loopback. */
const foreignHosts: Attack = {
  name: 'foreign-hosts',
  what: 'sends 200 requests and upgrades a second as a page whose host name points at the hub (DNS rebinding)',
  async run({ target, notes, signal }) {
    const foreign = { Host: 'rebind.example', Origin: 'http://rebind.example' };
    const asks = [
      'GET /v1/devices',
      'GET /v1/stats',
      `DELETE /v1/devices/${VICTIM}`,
      'PUT /v1/access/rules',
      `POST /v1/devices/${VICTIM}/events`,
    ];
    await paced(200, signal, (n) => {
      if (n % 3 === 0) void upgradeAsPage(n);
      else void askAsPage(asks[n % asks.length]!);
    });

    async function upgradeAsPage(n: number): Promise<void> {
      const [port, path] =
        n % 2 === 0 ? [target.devicePort, '/v1/device'] : [target.subscriberPort, '/v1/subscribe'];
      const got = await Connection.open(port!, `${path}?id=page`, notes, { headers: foreign });
      if (got !== undefined) notes.add(GRANTED);
      got?.end();
    }

    async function askAsPage(ask: string): Promise<void> {
      const connection = await Connection.tcp(target.adminPort, notes);
      if (connection === undefined) return;
      const status = new Promise<number>((resolve) => {
        connection.onBytes((bytes) => resolve(Number(bytes.toString('latin1', 9, 12))));
        void connection.closed.then(() => resolve(0));
      });
      connection.write(
        `${ask} HTTP/1.1\r\nHost: rebind.example\r\nOrigin: http://rebind.example\r\nContent-Length: 0\r\n\r\n`,
      );
      const got = await status;
      notes.add(`HTTP ${got}`);
      if (got >= 200 && got < 300) notes.add(GRANTED);
      connection.end();
    }
  },
};

const unfinishedAdmin: Attack = {
  name: 'unfinished-admin-requests',
  what: `keeps ${UNFINISHED} requests to the admin API unfinished`,
  files: 1024,
  async run({ target, notes, signal }) {
    await Promise.all(
      Array.from({ length: UNFINISHED }, async (_, n) => {
        await pause(n * 2, signal);
        while (!signal.aborted) {
          const connection = await Connection.tcp(target.adminPort, notes);
          connection?.write(
            'POST /v1/devices/nobody/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000\r\n\r\n{"type":',
          );
          if (connection === undefined) await pause(RETRY_MS, signal);
          else await Promise.race([pause(60_000, signal), connection.closed]);
          connection?.end();
        }
      }),
    );
  },
};

const closeBehindHead: Attack = {
  name: 'hasty-peers',
  what: 'connects 300 devices and subscribers a second that send a full upgrade and are gone before the answer',
  async run({ target, notes, signal }) {
    const attempt = async (n: number): Promise<void> => {
      const isDevice = n % 2 === 0;
      const port = isDevice ? target.devicePort : target.subscriberPort;
      const path = isDevice
        ? `/v1/device?id=hasty-${n % 5000}`
        : `/v1/subscribe?id=hasty-${n % 5000}&devices=${VICTIM}`;
      const connection = await Connection.tcp(port, notes);
      connection?.socket.write(upgradeHead(port, path), () => connection.end());
    };
    await paced(300, signal, (n) => void attempt(n));
  },
};

export const connectionAttacks: readonly Attack[] = [
  idle,
  slowHeads,
  longHeads,
  foreignHosts,
  unfinishedAdmin,
  closeBehindHead,
];
