/** Ports for a demo hub: those that are asked for, else the defaults where they are free, else any. */
import { createServer } from 'node:net';
import { settingRows } from '../../settings/schema.ts';

const HOST = '127.0.0.1';

const listeners = [
  ['DAT_DEVICE_PORT', settingRows.devicePort.default],
  ['DAT_SUBSCRIBER_PORT', settingRows.subscriberPort.default],
  ['DAT_ADMIN_PORT', settingRows.adminPort.default],
] as const;

export interface DemoPorts {
  /** Variables for the hub. */
  readonly env: Readonly<Record<string, string>>;
  /** Default ports that somebody else listens on. */
  readonly taken: readonly number[];
}

/** @param env what is set there is taken as it is, also when it is in use: the hub says so then */
export async function demoPorts(
  env: Readonly<Record<string, string | undefined>>,
  isFree: (port: number) => Promise<boolean> = isPortFree,
): Promise<DemoPorts> {
  const ports: Record<string, string> = {};
  const taken: number[] = [];
  for (const [variable, port] of listeners) {
    const given = env[variable] ?? '';
    const isDefaultFree = given !== '' || (await isFree(port));
    if (!isDefaultFree) taken.push(port);
    ports[variable] = given !== '' ? given : isDefaultFree ? String(port) : '0';
  }
  return { env: ports, taken };
}

function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, HOST, () => server.close(() => resolve(true)));
  });
}
