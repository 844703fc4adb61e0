/** A connection per device. */
import type { Device } from '../../client/index.ts';
import { loadClient } from '../client.ts';
import { firstConnection } from './first-connection.ts';
import type { Uplink, UplinkEvents } from './uplink.ts';

/** Events of one device that may wait for its connection. */
const QUEUED_MAX = 10;

export interface DeviceUplinkOptions {
  readonly url: URL;
  /** '' for none. */
  readonly token: string;
}

/** Each vehicle has a connection of its own. */
export async function deviceUplink(options: DeviceUplinkOptions, told: UplinkEvents): Promise<Uplink> {
  const { url, token } = options;
  const { WebSocket, connectDevice } = await loadClient();
  const devices = new Map<string, Device>();
  const first = firstConnection({ ...options, listener: 'device' }, told);

  function connect(id: string): Device {
    const device = connectDevice({
      url,
      id,
      WebSocket,
      queueLimit: QUEUED_MAX,
      ...(token !== '' && { token }),
    });
    device.on('state', (state) => {
      if (state.state === 'connected') first.connected();
      else if (state.state !== 'connecting' && state.error !== undefined) void first.lost(state.error);
    });
    device.on('error', ({ message }) => told.refused(message));
    return device;
  }

  return {
    enter: (id) => void devices.set(id, connect(id)),
    leave(id) {
      void devices.get(id)?.close();
      devices.delete(id);
    },
    isConnected: (id) => devices.get(id)?.state === 'connected',
    message: (id, data) => void devices.get(id)?.message(data),
    status: (id, status) => void devices.get(id)?.status(status),
    async close() {
      await Promise.all([...devices.values()].map((device) => device.close()));
    },
  };
}
