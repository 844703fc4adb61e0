/** All devices of a fleet on one connection: a gateway. */
import { closes } from '../../codes.ts';
import { loadClient } from '../client.ts';
import { firstConnection } from './first-connection.ts';
import type { Uplink, UplinkEvents } from './uplink.ts';

export interface GatewayOptions {
  readonly url: URL;
  /** '' for none. */
  readonly token: string;
  /** Of the gateway. */
  readonly id: string;
}

/** All vehicles share one connection. */
export async function gatewayUplink(options: GatewayOptions, told: UplinkEvents): Promise<Uplink> {
  const { url, token, id } = options;
  const { WebSocket, connectGateway } = await loadClient();
  const gateway = connectGateway({ url, id, WebSocket, ...(token !== '' && { token }) });
  const present = new Set<string>();
  const first = firstConnection({ url, token, listener: 'device', role: 'gateway' }, told);

  gateway.on('state', (state) => {
    if (state.state === 'connected') first.connected();
    else if (state.state !== 'connecting' && state.error !== undefined) void first.lost(state.error);
  });
  gateway.on('error', ({ message }) => told.refused(message));
  gateway.on('closed', ({ device, code }) => {
    present.delete(device);
    const why =
      code === closes.replaced.code ? 'a device connected elsewhere, and' : `with ${code}, a device`;
    told.lost(`${why} was taken from the gateway`);
  });

  return {
    enter(device) {
      present.add(device);
      void gateway.device(device).open();
    },
    leave(device) {
      if (present.delete(device)) void gateway.device(device).close();
    },
    isConnected: (device) => gateway.connection.state === 'connected' && present.has(device),
    message: (device, data) => void gateway.device(device).message(data),
    status: (device, status) => void gateway.device(device).status(status),
    async close() {
      if (gateway.connection.state === 'connected')
        for (const device of present) void gateway.device(device).close();
      const closed = gateway.close();
      if (gateway.connection.state !== 'connected') void gateway.close(); // nobody to say goodbye to
      await closed;
    },
  };
}
