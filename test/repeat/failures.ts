/** What vitest's JSON report says of one run, as far as it is read here. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** Tests that failed, as `FILE > TEST`; a file that did not even load, or failed outside of its tests, stands alone. */
export function failuresOf(report: Report, root: string): string[] {
  return report.testResults.flatMap(({ name, status, assertionResults }) => {
    const file = name.startsWith(`${root}/`) ? name.slice(root.length + 1) : name;
    const failed = assertionResults.filter((result) => result.status === 'failed');
    if (failed.length === 0) return status === 'failed' ? [file] : [];
    return failed.map(({ fullName }) => `${file} > ${fullName}`);
  });
}

/** One line per test that ever failed, the most frequent first. */
export function tally(runs: readonly (readonly string[])[]): string[] {
  const counts = new Map<string, number>();
  for (const failure of runs.flat()) counts.set(failure, (counts.get(failure) ?? 0) + 1);
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || a.localeCompare(b))
    .map(([failure, count]) => `${count} of ${runs.length}: ${failure}`);
}
