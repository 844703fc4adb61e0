/** A connection per device, over MQTT. */
import { loadClient } from '../client.ts';
import { CliFailure, Exit } from '../failure.ts';
import { MqttDevice } from './mqtt-device.ts';
import type { Uplink, UplinkEvents } from './uplink.ts';

export interface MqttUplinkOptions {
  /** ws, wss, mqtt or mqtts. */
  readonly url: URL;
  /** '' for none. */
  readonly token: string;
}

/** @param text `true`: over WebSocket to the device listener at `device`; else where to connect */
export function mqttUrlOf(text: string | true, device: URL): URL {
  if (text === true) return new URL('/mqtt', device);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^(?:mqtts?|wss?):$/.test(url.protocol)) return url;
  throw new CliFailure(
    Exit.usage,
    `--mqtt ${JSON.stringify(text)}: expected mqtt://HOST:PORT, mqtts://HOST:PORT, or ws://HOST:PORT/mqtt`,
  );
}

/** Each vehicle is an MQTT client. */
export async function mqttUplink(options: MqttUplinkOptions, told: UplinkEvents): Promise<Uplink> {
  const { WebSocket } = await loadClient();
  const devices = new Map<string, MqttDevice>();
  let hasConnected = false;
  const events = {
    connected: () => {
      hasConnected = true;
    },
    refused: (message: string) => told.refused(message),
    lost: (message: string, isRefusal: boolean) => {
      // Whoever was connected once, waits; before that, a fleet that cannot connect ends.
      if (hasConnected) told.lost(message);
      else
        told.failed(
          new CliFailure(isRefusal ? Exit.denied : Exit.unavailable, `${options.url.href}: ${message}`),
        );
    },
  };
  return {
    enter: (id) => void devices.set(id, new MqttDevice(id, { ...options, WebSocket }, events)),
    leave(id) {
      devices.get(id)?.close();
      devices.delete(id);
    },
    isConnected: (id) => devices.get(id)?.isReady === true,
    message: (id, data) => void devices.get(id)?.publish('message', JSON.stringify(data)),
    status: (id, status) => void devices.get(id)?.publish('status', status),
    async close() {
      for (const device of devices.values()) device.close();
    },
  };
}
