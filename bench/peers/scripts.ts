/** The peers that are a few lines of Node: what one writes before one looks for a hub. */
import { fileURLToPath } from 'node:url';
import type { WireName } from '../load/wires/index.ts';
import { localTarget, type Peer } from './peer.ts';
import { jsonLine, start } from './processes.ts';

function script(name: string, file: string, wire: WireName, cannot: Peer['cannot'] = () => undefined): Peer {
  return {
    name,
    cannot,
    async start() {
      const path = fileURLToPath(new URL(`./servers/${file}.js`, import.meta.url));
      const spawned = start(process.execPath, [path]);
      const { port } = await jsonLine<{ port: number }>(spawned, 'listening');
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
export const socketIo = script('socket.io', 'socket-io', 'socket.io', ({ disturbance }) =>
  disturbance?.followsPerSecond === undefined ? undefined : 'its generator has no following and leaving',
);
