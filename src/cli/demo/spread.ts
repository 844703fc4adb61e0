/** A fleet over several hubs, as behind a load balancer: a device that comes back comes to another hub. */
import type { Uplink } from '../fleet/uplink.ts';

/** @param uplinks one for each hub */
export function spread(uplinks: readonly Uplink[]): Uplink {
  const uplinkOf = new Map<string, Uplink>();
  let next = 0;
  return {
    enter(device) {
      const uplink = uplinks[next++ % uplinks.length]!;
      uplinkOf.set(device, uplink);
      uplink.enter(device);
    },
    leave: (device) => uplinkOf.get(device)?.leave(device),
    isConnected: (device) => uplinkOf.get(device)?.isConnected(device) ?? false,
    message: (device, data) => uplinkOf.get(device)?.message(device, data),
    status: (device, status) => uplinkOf.get(device)?.status(device, status),
    async close() {
      await Promise.all(uplinks.map((uplink) => uplink.close()));
    },
  };
}
