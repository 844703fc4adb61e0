/** What vitest's JSON report says of one run, as far as it is read here. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

export interface Failure {
  /** `FILE > TEST`; a file that did not even load, or failed outside of its tests, stands alone. */
  readonly test: string;
  readonly message: string;
}

export interface Run {
  /** Tests that ran: those that were skipped did not. */
  readonly ran: number;
  readonly failures: readonly Failure[];
}

/** Stands in the place of a test where a run failed in none. */
const RUN = 'the run itself';
const MESSAGE_LINES = 6;

/**
 * @param report undefined: none was written
 * @param exitCode vitest's; null: it was killed
 * @param root the folder to which the names of files are shortened
 */
export function runOf(report: Report | undefined, exitCode: number | null, root: string): Run {
  if (report === undefined) return failed(0, `vitest ended with ${exitCode} and wrote no report`);
  const ran = report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'passed' || status === 'failed').length;
  const failures = failuresOf(report, root);
  if (failures.length > 0) return { ran, failures };
  if (ran === 0) return failed(ran, 'no test ran');
  if (exitCode !== 0) return failed(ran, `vitest ended with ${exitCode}, though no test failed`);
  return { ran, failures };
}

const failed = (ran: number, message: string): Run => ({ ran, failures: [{ test: RUN, message }] });

function failuresOf(report: Report, root: string): Failure[] {
  return report.testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = name.startsWith(`${root}/`) ? name.slice(root.length + 1) : name;
    const broken = assertionResults.filter((result) => result.status === 'failed');
    if (broken.length === 0) return status === 'failed' ? [{ test: file, message }] : [];
    return broken.map(({ fullName, failureMessages }) => ({
      test: `${file} > ${fullName}`,
      message: failureMessages?.join('\n') ?? '',
    }));
  });
}

/**
 * Each test that ever failed, the most frequent first: in how many of the runs it did, and the first lines of why in the
 * first of those.
 */
export function tally(runs: readonly Run[]): string[] {
  const counts = new Map<string, number>();
  const reasons = new Map<string, string>();
  for (const { failures } of runs) {
    for (const { test, message } of failures) if (!reasons.has(test)) reasons.set(test, message);
    for (const test of new Set(failures.map((failure) => failure.test)))
      counts.set(test, (counts.get(test) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || a.localeCompare(b))
    .map(([test, count]) =>
      [`${count} of ${runs.length}: ${test}`, ...linesOf(reasons.get(test)!)].join('\n'),
    );
}

/** Without what of the stack is not the hub's. */
function linesOf(message: string): string[] {
  const lines = message.split('\n').filter((line) => line.trim() !== '' && !line.includes('/node_modules/'));
  return lines.slice(0, MESSAGE_LINES).map((line) => `    ${line}`);
}
