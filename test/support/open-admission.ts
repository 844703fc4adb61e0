/** Admission that admits everybody. */
import { Admission, type AdmissionDeps } from '../../src/access/admission.ts';
import { createAdmissionMemory } from '../../src/access/admission-state.ts';
import { Upgrades, type UpgradesDeps } from '../../src/access/upgrades.ts';

/** What an admission that admits everybody is made of. */
export function openAdmissionDeps({
  clock,
  counters,
}: Pick<AdmissionDeps, 'clock' | 'counters'>): AdmissionDeps {
  return {
    clock,
    counters,
    memory: createAdmissionMemory([counters.cells.buffer as SharedArrayBuffer], 0, 'seed'),
    thread: 0,
    settings: {
      maxConnectionsPerAddress: 0,
      connectionsPerSecondPerAddress: 0,
      authFailuresPerMinute: 0,
      authBanMs: 1000,
    },
    tokens: undefined,
  };
}

export function openAdmission(
  deps: Pick<AdmissionDeps, 'clock' | 'counters'> & Omit<UpgradesDeps, 'admission' | 'settings'>,
): { admission: Admission; upgrades: Upgrades } {
  const admission = new Admission(openAdmissionDeps(deps));
  const upgrades = new Upgrades({
    ...deps,
    admission,
    settings: { host: '0.0.0.0', allowedHosts: [], allowedOrigins: [] },
  });
  return { admission, upgrades };
}
