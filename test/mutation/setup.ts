/**
 * Runs before each test file: all run in one thread, where the mutants that were reached are counted on from file to
 * file, yet Stryker adds up what each file tells.
 */
const { mutantCoverage } =
  (globalThis as { __stryker__?: { mutantCoverage?: Record<string, object> } }).__stryker__ ?? {};

for (const counts of Object.values(mutantCoverage ?? {}))
  for (const name of Object.keys(counts)) delete (counts as Record<string, unknown>)[name];
