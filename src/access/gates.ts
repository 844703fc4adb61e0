/** Makes the gates of one thread: they share its verifier and its view of the door. */
import type { Clock } from '../clock.ts';
import type { Counters } from '../memory/counters.ts';
import { Door, type DoorMemory } from './door.ts';
import { Gate, type GateSettings } from './gate.ts';
import type { TokenConfig } from './keys.ts';
import { Verifier } from './verifier.ts';

export interface GatesDeps {
  readonly door: DoorMemory;
  /** The thread's place among those that hold sockets; main is 0. */
  readonly thread: number;
  readonly settings: GateSettings;
  /** undefined: no token is needed. */
  readonly tokens: TokenConfig | undefined;
  readonly clock: Clock;
  readonly counters: Counters;
}

export class Gates {
  readonly door: Door;
  readonly verifier: Verifier | undefined;
  readonly #deps: GatesDeps;

  constructor(deps: GatesDeps) {
    this.#deps = deps;
    this.door = new Door(deps.door, deps.thread);
    this.door.addresses.forgetConnections();
    this.verifier =
      deps.tokens === undefined ? undefined : new Verifier(deps.tokens, () => deps.clock.wallNow());
  }

  gateFor(role: 'device' | 'subscriber'): Gate {
    const { settings, clock, counters } = this.#deps;
    return new Gate({ role, settings, verifier: this.verifier, door: this.door, clock, counters });
  }
}
