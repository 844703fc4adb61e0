/** Subscribers of a demo: one follows the whole fleet, each other a part of it. */
import { loadClient } from '../client.ts';

export interface DemoAudience {
  close(): Promise<void>;
}

/** Devices that each subscriber but the first follows, as a share of the fleet. */
const SHARE = 1 / 5;

/** Which devices each subscriber follows. @param count 0 for no subscribers */
export function followedBy(devices: readonly string[], count: number): string[][] {
  const each = Math.max(1, Math.round(devices.length * SHARE));
  return Array.from({ length: count }, (_, subscriber) => {
    if (subscriber === 0) return [...devices];
    const first = Math.floor(((subscriber - 1) * devices.length) / Math.max(1, count - 1));
    return Array.from({ length: each }, (_, n) => devices[(first + n) % devices.length]!);
  });
}

/** @param urls of the hubs, which the subscribers take in turns */
export async function openAudience(
  urls: readonly URL[],
  devices: readonly string[],
  count: number,
): Promise<DemoAudience> {
  const { WebSocket, connectSubscriber } = await loadClient();
  const subscribers = followedBy(devices, count).map((followed, n) =>
    connectSubscriber({
      url: urls[n % urls.length]!,
      id: n === 0 ? 'demo-wall' : `demo-app-${n}`,
      devices: followed,
      batch: n === 0,
      WebSocket,
    }),
  );
  return {
    async close() {
      await Promise.all(subscribers.map((subscriber) => subscriber.close()));
    },
  };
}
