/** A waiting place for connections that is never full, for tests of other things. */
import { Arrivals } from '../../src/transport/arrivals.ts';
import { FakeClock } from './fake-clock.ts';

export function roomForAll(): Arrivals {
  return new Arrivals({
    limits: { total: () => 10_000, perNetwork: 10_000, timeoutMs: 10_000 },
    clock: new FakeClock(),
    networkOf: (address) => address,
    dropped(why) {
      throw new Error(`a connection was dropped: ${why}`);
    },
  });
}
