import { describe, expect, it } from 'vitest';
import { TRIES_MAX, WebhookSender } from '../../src/webhooks/sender.ts';
import { WEBHOOK_SECRET } from '../support/webhook-receiver.ts';

type Answer = Response | Error;

function setUp(answers: Answer[]) {
  const requests: { url: string; init: RequestInit }[] = [];
  const slept: number[] = [];
  const tried: (string | undefined)[] = [];
  const end = new AbortController();
  const sender = new WebhookSender({
    receiver: () => ({ url: 'https://receiver.example/hook?key=hidden', secret: WEBHOOK_SECRET }),
    async fetch(url, init) {
      requests.push({ url, init });
      const answer = answers.shift() ?? new Response(undefined, { status: 204 });
      if (answer instanceof Error) throw answer;
      return answer;
    },
    wallNow: () => 1_764_000_000_000 + requests.length,
    async sleep(ms) {
      if (ms > 100) slept.push(ms);
    },
    signal: end.signal,
    tried: (failure) => tried.push(failure),
  });
  return { sender, requests, slept, tried, end };
}

const batch = { changes: [], resync: false };
const status = (code: number, headers = {}) => new Response('no', { status: code, headers });

describe('a batch', () => {
  it('is one signed request where the receiver takes it', async () => {
    const { sender, requests, tried } = setUp([]);
    expect(await sender.send(batch)).toBe(true);
    expect(requests).toHaveLength(1);
    const { init } = requests[0]!;
    expect(init).toMatchObject({
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', 'webhook-signature': expect.stringMatching(/^v1,/) },
    });
    expect(JSON.parse(String(init.body))).toEqual({
      type: 'devices.changed',
      timestamp: '2025-11-24T16:00:00.000Z',
      data: batch,
    });
    expect(tried).toEqual([undefined]);
  });

  it('that is under way when the hub ends is no failure of the receiver', async () => {
    const { sender, tried, end } = setUp([new DOMException('aborted', 'AbortError')]);
    end.abort();
    await expect(sender.send(batch)).rejects.toThrow('aborted');
    expect(tried).toEqual([]);
  });

  it.each([
    ['an error', status(500), 'status 500'],
    ['a redirect', status(302, { location: 'https://elsewhere.example' }), 'status 302'],
    [
      'no connection',
      Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } }),
      'ECONNREFUSED',
    ],
    [
      'a port that fetch does not use',
      Object.assign(new TypeError('fetch failed'), { cause: new Error('bad port') }),
      'fetch sends nothing to this port',
    ],
    ['no answer', new DOMException('timed out', 'TimeoutError'), 'no answer within 10 s'],
  ])('is sent again after %s, with the same id and body', async (_, failure, why) => {
    const { sender, requests, tried, slept } = setUp([failure]);
    expect(await sender.send(batch)).toBe(true);
    expect(tried).toEqual([why, undefined]);
    expect(JSON.stringify(tried)).not.toContain('hidden');
    const [first, second] = requests.map(
      ({ init }) => init as { headers: Record<string, string>; body: string },
    );
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
    expect(second!.body).toBe(first!.body);
    expect(slept).toHaveLength(1);
  });

  it('is sent again after longer and longer pauses, and given up at last', async () => {
    const { sender, requests, slept } = setUp(Array.from({ length: 100 }, () => status(503)));
    expect(await sender.send(batch)).toBe(false);
    expect(requests).toHaveLength(TRIES_MAX);
    for (const [tries, ms] of slept.entries()) {
      const most = Math.min(60_000, 500 * 2 ** tries);
      expect(ms).toBeLessThanOrEqual(most);
      expect(ms).toBeGreaterThanOrEqual(most * 0.75);
    }
    await sender.send(batch);
    expect(slept[TRIES_MAX]).toBeGreaterThanOrEqual(45_000); // the next one is no quicker
  });

  it('waits for as long as the receiver says, within reason', async () => {
    const { sender, slept } = setUp([
      status(429, { 'retry-after': '30' }),
      status(429, { 'retry-after': '999999' }),
    ]);
    await sender.send(batch);
    expect(slept).toEqual([30_000, 600_000]);
  });

  it('waits until the time that the receiver says, which may be past or be none', async () => {
    const { sender, slept } = setUp([
      status(503, { 'retry-after': 'Mon, 24 Nov 2025 16:02:00 GMT' }), // two minutes after the first try
      status(503, { 'retry-after': 'Mon, 24 Nov 2025 15:00:00 GMT' }),
      status(503, { 'retry-after': 'soon' }),
    ]);
    await sender.send(batch);
    const [untilThen = 0, ...usual] = slept;
    expect(Math.ceil(untilThen / 1000)).toBe(120);
    for (const ms of usual) expect(ms).toBeLessThanOrEqual(2000);
  });
});
