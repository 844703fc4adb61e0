/** Publishes events for `dat send`: as the device itself, or as an operator. `data` goes out as it was written. */
import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { EventOptions } from '../client/index.ts';
import { Admin } from './admin.ts';
import { loadClient } from './client.ts';
import { endpointOf, type HubOptions } from './connection.ts';
import { CliFailure, Exit } from './failure.ts';
import { closedFailure, notConnected } from './peer-failure.ts';

export interface EventShape {
  readonly type: 'message' | 'status' | 'pong';
  readonly status?: string;
  readonly priority?: NonNullable<EventOptions['priority']>;
}

export interface Published {
  /** The event's number; of a skipped event without one, the last event's. */
  readonly seq: number;
  /** Nobody follows the device. */
  readonly skipped: boolean;
}

export interface CliPublisher {
  /** @param data JSON text @throws CliFailure; `Exit.unavailable` when the hub may be back later */
  publish(data: string): Promise<Published>;
  close(): Promise<void>;
}

/** Publishes through the admin API: a connected device stays connected. */
export function operatorPublisher(device: string, event: EventShape, options: HubOptions): CliPublisher {
  const admin = new Admin(options);
  const head = JSON.stringify(event).slice(0, -1);
  return {
    async publish(data) {
      const answer = await admin.send('POST', `/v1/devices/${device}/events`, `${head},"data":${data}}`);
      const { seq, skipped = false } = (await answer.json()) as { seq: number; skipped?: boolean };
      return { seq, skipped };
    },
    close: async () => {},
  };
}

/** Publishes as the device: a device of this id that is connected is replaced. */
export async function devicePublisher(
  id: string,
  { type, status = '', ...priority }: EventShape,
  options: HubOptions,
): Promise<CliPublisher> {
  const { url, token } = endpointOf('device', options);
  const client = await loadClient();
  let data = '';
  const device = client.connectDevice({
    url,
    id,
    WebSocket: verbatimSocket(client.WebSocket, () => data),
    ...(token !== '' && { token }),
  });
  let said = '';
  device.on('error', ({ message }) => {
    said = message;
  });
  let hasConnected = false;
  const failed = new Promise<never>((_, reject) => {
    device.on('state', (state) => {
      if (state.state === 'connected') hasConnected = true;
      else if (state.state === 'waiting' && !hasConnected)
        void notConnected(state.error, { url, listener: 'device', token }).then(reject);
      else if (state.state === 'closed' && state.error !== undefined)
        reject(closedFailure(state.error, said));
    });
  });
  failed.catch(() => {});
  const how = { ack: true, ...priority } as const;
  const send = (): Promise<Published> => {
    if (type === 'status') return device.status(status, { ...how, data: MARK });
    return type === 'pong' ? device.pong(MARK, how) : device.message(MARK, how);
  };

  return {
    async publish(text) {
      data = text;
      try {
        return await Promise.race([send(), failed]);
      } catch (error) {
        if (!(error instanceof client.TunnelError)) throw error;
        if (error.code === 'closed') throw await failed.catch((why: unknown) => why); // it says more
        const exit = error.code === 'refused' ? Exit.failed : Exit.unavailable;
        throw new CliFailure(exit, error.message);
      }
    },
    close() {
      const closed = device.close();
      void device.close(); // an event that could not be sent is not waited for
      return closed;
    },
  };
}

/** Stands for the data in a frame of the client's. */
const MARK = randomUUID();

/** A WebSocket that puts JSON text into frames as it was written. Parsing and writing it again would round numbers. */
function verbatimSocket(Base: typeof WebSocket, text: () => string): typeof WebSocket {
  return class extends Base {
    override send(frame: Parameters<WebSocket['send']>[0]): void {
      super.send(typeof frame === 'string' ? frame.replace(`"${MARK}"`, text) : frame);
    }
  };
}
