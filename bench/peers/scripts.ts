/** The peers that are a few lines of Node: what one writes before one looks for a hub. */
import { fileURLToPath } from 'node:url';
import type { Shape } from '../load/shapes.ts';
import type { WireName } from '../load/wires/index.ts';
import { localTarget, type Peer } from './peer.ts';
import { jsonLine, type Spawned, start } from './processes.ts';

/** Starts one of `servers/`. */
export async function startScript(
  file: string,
  args: readonly string[] = [],
): Promise<{ port: number; spawned: Spawned }> {
  const path = fileURLToPath(new URL(`./servers/${file}.js`, import.meta.url));
  const spawned = start(process.execPath, [path, ...args]);
  const { port } = await jsonLine<{ port: number }>(spawned, 'listening');
  return { port, spawned };
}

function script(name: string, file: string, wire: WireName, cannot: Peer['cannot'] = () => undefined): Peer {
  return {
    name,
    cannot,
    async start() {
      const { port, spawned } = await startScript(file);
      return {
        target: localTarget(wire, port),
        pids: () => [spawned.child.pid!],
        stop: () => spawned.stop(),
      };
    },
  };
}

export const uwsLean = script('uws-lean', 'uws-lean', 'websocket-silent');
export const uwsNaive = script('uws-naive', 'uws-naive', 'websocket');
export const wsLoop = script('ws', 'ws-loop', 'websocket');
export const socketIo = script('socket.io', 'socket-io', 'socket.io', cannotFollowAndLeave);

export function cannotFollowAndLeave({ disturbance }: Shape): string | undefined {
  return disturbance?.followsPerSecond === undefined
    ? undefined
    : 'its generator has no following and leaving';
}
