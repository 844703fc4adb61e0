/** How a fleet handles failed connections: before the first one is up, a lasting cause ends the fleet. */
import { type Attempt, lasting } from '../peer-failure.ts';
import type { UplinkEvents } from './uplink.ts';

export interface FirstConnection {
  /** A connection is up: from here on the fleet waits, whatever fails. */
  connected(): void;
  /** A connection was lost, or could not be made. */
  lost(error: { readonly message: string }): Promise<void>;
}

/** Tells why the first connection fails, which ends the run; later ones come back by themselves. */
export function firstConnection(attempt: Attempt, told: UplinkEvents): FirstConnection {
  let hasConnected = false;
  return {
    connected() {
      hasConnected = true;
    },
    async lost(error) {
      const failure = hasConnected ? undefined : await lasting(error, attempt);
      if (failure === undefined) told.lost(error.message);
      else told.failed(failure);
    },
  };
}
