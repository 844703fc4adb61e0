/** A strict reader of the Prometheus text format 0.0.4: whatever is not exactly to the format throws. */

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)/y;
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.+)\\})? (\\S+)$`);
const VALUE = /^(?:[+-]Inf|NaN|-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)$/;
const types = ['counter', 'gauge', 'histogram'];

/** @throws Error naming the line */
export function parsePrometheus(text: string): Map<string, Family> {
  const families = new Map<string, Family & { samples: Sample[] }>();
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const lines = text.slice(0, -1).split('\n');
  const seen = new Set<string>();
  let current: { name: string; family: Family & { samples: Sample[] } } | undefined;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    const help = new RegExp(`^# HELP (${NAME}) (.+)$`).exec(line);
    if (help !== null) {
      const type = new RegExp(`^# TYPE ${help[1]} ([a-z]+)$`).exec(lines[++at] ?? '')?.[1];
      if (type === undefined || !types.includes(type)) throw new Error(`no type after: ${line}`);
      if (families.has(help[1]!)) throw new Error(`twice: ${line}`);
      current = { name: help[1]!, family: { type, help: help[2]!, samples: [] } };
      families.set(current.name, current.family);
      continue;
    }
    if (current === undefined) throw new Error(`outside of a family: ${line}`);
    const sample = parseSample(line);
    if (!suffixes(current.family.type).some((suffix) => sample.name === current?.name + suffix)) {
      throw new Error(`not of ${current.name}: ${line}`);
    }
    const identity = line.slice(0, line.lastIndexOf(' '));
    if (seen.has(identity)) throw new Error(`twice: ${line}`);
    seen.add(identity);
    current.family.samples.push(sample);
  }
  for (const [name, family] of families) check(name, family);
  return families;
}

function parseSample(line: string): Sample {
  const [, name, pairs = '', value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || value === undefined || !VALUE.test(value)) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < pairs.length) {
    const [, label, text] = LABEL.exec(pairs) ?? [];
    if (label === undefined || text === undefined || label in labels) throw new Error(`bad labels: ${line}`);
    labels[label] = text.replace(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char));
  }
  return { name, labels, value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value) };
}

function suffixes(type: string): string[] {
  return type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
}

function check(name: string, { type, samples }: Family): void {
  if (samples.length === 0) throw new Error(`${name} has no sample`);
  if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name} is a ${type}`);
  if (type !== 'histogram') return;
  const buckets = samples.filter((sample) => sample.name === `${name}_bucket`);
  const bounds = buckets.map(({ labels: { le } }) => (le === '+Inf' ? Infinity : Number(le)));
  const ascends = (values: number[], strictly: boolean) =>
    values.every(
      (value, index) =>
        index === 0 || value > values[index - 1]! || (!strictly && value === values[index - 1]),
    );
  if (bounds.at(-1) !== Infinity || !ascends(bounds, true))
    throw new Error(`${name} has the bounds ${bounds}`);
  if (
    !ascends(
      buckets.map(({ value }) => value),
      false,
    )
  )
    throw new Error(`${name} is not cumulative`);
  const count = samples.find((sample) => sample.name === `${name}_count`)?.value;
  if (count !== buckets.at(-1)!.value) throw new Error(`${name}_count is ${count}`);
  if (!samples.some((sample) => sample.name === `${name}_sum`)) throw new Error(`${name} has no sum`);
}
