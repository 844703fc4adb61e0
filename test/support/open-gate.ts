/** A gate that lets everybody in. */
import { createDoor, Door } from '../../src/access/door.ts';
import { Gate, type GateDeps } from '../../src/access/gate.ts';

export function openGate(deps: Pick<GateDeps, 'role' | 'clock' | 'counters'>): Gate {
  return new Gate({
    ...deps,
    settings: {
      allowedOrigins: [],
      maxConnectionsPerAddress: 0,
      connectionsPerSecondPerAddress: 0,
      authFailuresPerMinute: 0,
      authBanMs: 1000,
    },
    verifier: undefined,
    door: new Door(createDoor([deps.counters.cells.buffer as SharedArrayBuffer], 0, 'seed'), 0),
  });
}
