/** The text format of Prometheus, version 0.0.4. */

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

type MetricType = 'counter' | 'gauge' | 'histogram';
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number, suffix?: string];

/** @param samples one number for a metric without labels */
export const counter = (name: string, help: string, samples: number | readonly Sample[]): string =>
  family(name, 'counter', help, samples);

export const gauge = (name: string, help: string, samples: number | readonly Sample[]): string =>
  family(name, 'gauge', help, samples);

/** @param counts events per bucket, not cumulated; one more than there are bounds */
export function histogram(
  name: string,
  help: string,
  bounds: readonly number[],
  counts: readonly number[],
  sum: number,
): string {
  let below = 0;
  const buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound, index): Sample => {
    below += counts[index] ?? 0;
    return [{ le: numberText(bound) }, below, '_bucket'];
  });
  return family(name, 'histogram', help, [...buckets, [{}, sum, '_sum'], [{}, below, '_count']]);
}

/** One sample for each name, with the name as the label's value. */
export function labelled(
  label: string,
  values: Readonly<Record<string, number>> | readonly (readonly [name: string, value: number])[],
): Sample[] {
  const entries = Array.isArray(values) ? values : Object.entries(values);
  return entries.map(([name, value]) => [{ [label]: name }, value]);
}

function family(name: string, type: MetricType, help: string, samples: number | readonly Sample[]): string {
  const list: readonly Sample[] = typeof samples === 'number' ? [[{}, samples]] : samples;
  const lines = list.map(([labels, value, suffix = '']) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
    return `${name}${suffix}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${numberText(value)}\n`;
  });
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}
