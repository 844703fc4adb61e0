/** A reader of `GET /v1/live`: keeps all that came. */
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { onTestFinished } from 'vitest';

/** One server-sent event. */
export interface Sent {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came
  readonly data: any;
}

export interface LiveStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  sent(): readonly Sent[];
  /** The data of the events of one name. */
  of(name: string): readonly Sent['data'][];
  hasEnded(): boolean;
}

/** @returns the whole server-sent events in what was read so far */
export function sentIn(text: string): Sent[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .map((block) => {
      const [name = '', data = ''] = block.split('\n');
      return { name: name.replace('event: ', ''), data: JSON.parse(data.replace('data: ', '')) };
    });
}

/** Opens one that ends with the test. @param query with its `?`, or '' */
export async function openLiveStream(
  port: number,
  query = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<LiveStream> {
  let text = '';
  let hasEnded = false;
  const { statusCode = 0, headers: answered } = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: `/v1/live${query}`, headers });
    asked.on('error', reject);
    asked.on('response', (response) => {
      resolve(response);
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('error', () => {}); // the hub may end without a word: 'close' tells
      response.on('close', () => {
        hasEnded = true;
      });
    });
    asked.end();
    onTestFinished(() => void asked.destroy());
  });
  const sent = (): Sent[] => sentIn(text);
  return {
    status: statusCode,
    headers: answered,
    sent,
    of: (name) =>
      sent()
        .filter((each) => each.name === name)
        .map(({ data }) => data),
    hasEnded: () => hasEnded,
  };
}
