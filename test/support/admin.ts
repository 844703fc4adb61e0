/** The operator's side: JSON over HTTP, and reading Prometheus text. */
import { WAIT_MS } from './waits.ts';

export interface AdminAnswer {
  readonly status: number;
  /** Parsed JSON, undefined where the answer is none. */
  readonly body: unknown;
  readonly text: string;
  readonly contentType: string;
}

export interface AdminRequest {
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly rawBody?: string;
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function admin(
  port: number,
  method: string,
  path: string,
  { body, rawBody, token, headers }: AdminRequest = {},
): Promise<AdminAnswer> {
  const sent = rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: {
      ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    signal: AbortSignal.timeout(WAIT_MS),
    ...(sent === undefined ? {} : { body: sent }),
  });
  const text = await response.text();
  const contentType = response.headers.get('content-type') ?? '';
  return { status: response.status, body: parsed(text), text, contentType };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A scrape of `/metrics`. */
export class Metrics {
  readonly samples: readonly Sample[];
  /** Metric family → type. */
  readonly types: ReadonlyMap<string, string>;

  constructor(text: string) {
    const lines = text.split('\n').filter((line) => line !== '');
    this.samples = lines.filter((line) => !line.startsWith('#')).map(sampleOf);
    const typeLines = lines.filter((line) => line.startsWith('# TYPE '));
    this.types = new Map(typeLines.map((line) => line.split(' ').slice(2) as [string, string]));
  }

  /** The sum of the samples that have these labels; 0 where there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.of(name)
      .filter((sample) => Object.entries(labels).every(([label, text]) => sample.labels[label] === text))
      .reduce((sum, { value }) => sum + value, 0);
  }

  of(name: string): readonly Sample[] {
    return this.samples.filter((sample) => sample.name === name);
  }
}

function sampleOf(line: string): Sample {
  const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/.exec(line);
  if (match === null) throw new Error(`not a line of Prometheus text: ${line}`);
  const [, name = '', labelText = '', number = ''] = match;
  const labels = [...labelText.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g)];
  return {
    name,
    labels: Object.fromEntries(labels.map(([, label, text]) => [label ?? '', text ?? ''])),
    value: number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number),
  };
}
