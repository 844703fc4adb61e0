/** A connection per device. */
import type { Device, TunnelError } from '../../client/index.ts';
import { loadClient } from '../client.ts';
import { lasting } from '../peer-failure.ts';
import type { Uplink, UplinkEvents } from './uplink.ts';

/** Events of one device that may wait for its connection. */
const QUEUED_MAX = 10;

export interface DeviceUplinkOptions {
  readonly url: URL;
  /** '' for none. */
  readonly token: string;
}

export async function deviceUplink(options: DeviceUplinkOptions, told: UplinkEvents): Promise<Uplink> {
  const { url, token } = options;
  const { WebSocket, connectDevice } = await loadClient();
  const devices = new Map<string, Device>();
  let hasConnected = false;

  /** Whoever was connected once, waits; before that, a fleet that cannot connect ends. */
  async function explain(error: TunnelError): Promise<void> {
    const failure = hasConnected ? undefined : await lasting(error, { ...options, listener: 'device' });
    if (failure === undefined) told.lost(error.message);
    else told.failed(failure);
  }

  function connect(id: string): Device {
    const device = connectDevice({
      url,
      id,
      WebSocket,
      queueLimit: QUEUED_MAX,
      ...(token !== '' && { token }),
    });
    device.on('state', (state) => {
      if (state.state === 'connected') hasConnected = true;
      if (state.state !== 'waiting' && state.state !== 'closed') return;
      if (state.error !== undefined) void explain(state.error);
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
