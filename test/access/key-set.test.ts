import { describe, expect, it } from 'vitest';
import { boundedKeySetFetch } from '../../src/access/key-set.ts';
import { JWKS_BYTES_MAX, JWKS_RETRY_MS } from '../../src/limits.ts';
import { firstOf } from '../support/attempts.ts';

const KEYS = '{"keys":[{"kty":"RSA"}]}';

function setUp(answer: () => Response | Promise<Response>) {
  const state = { nowMs: 0, asked: 0 };
  const fetchFrom = async (): Promise<Response> => {
    state.asked += 1;
    return answer();
  };
  const fetchKeys = boundedKeySetFetch(fetchFrom, () => state.nowMs);
  return { state, ask: () => fetchKeys('https://keys.example', {}).then((response) => response.text()) };
}

describe('a key set', () => {
  it('is passed on as it is', async () => {
    const { ask } = setUp(() => new Response(KEYS));
    expect(await ask()).toBe(KEYS);
  });

  it('may be as large as is allowed, and not a byte larger', async () => {
    const padded = (bytes: number) => KEYS.padEnd(bytes, ' ');
    expect(await setUp(() => new Response(padded(JWKS_BYTES_MAX))).ask()).toHaveLength(JWKS_BYTES_MAX);
    await expect(setUp(() => new Response(padded(JWKS_BYTES_MAX + 1))).ask()).rejects.toThrow(
      `the key set is larger than ${JWKS_BYTES_MAX} bytes`,
    );
  });

  it.each([
    ["the key set's URL answers with 500", () => new Response('no', { status: 500 })],
    ["the key set's URL answers with 503", () => new Response(null, { status: 503 })],
    ["the key set's URL answers with no key set", () => new Response('<html>')],
    ["the key set's URL answers with no key set", () => new Response(null)],
    ["the key set's URL answers with no key set", () => new Response('{"keys":{}}')],
    ["the key set's URL answers with no key set", () => new Response('{"keys":[{},1]}')],
    ["the key set's URL answers with no key set", () => new Response('{"keys":[null]}')],
  ])('is refused in words: %s', async (message, answer) => {
    await expect(setUp(answer).ask()).rejects.toThrow(message);
  });

  it('that cannot be had is not asked for again at once by the clock of the process', async () => {
    const times = await firstOf('it may be asked for again by then', async () => {
      const sinceMs = performance.now();
      let asked = 0;
      const fetchKeys = boundedKeySetFetch(async () => {
        asked += 1;
        return new Response('');
      });
      for (let n = 0; n < 3; n++) await expect(fetchKeys('https://keys.example', {})).rejects.toThrow();
      return performance.now() - sinceMs < JWKS_RETRY_MS ? asked : undefined;
    });
    expect(times).toBe(1);
  });

  it.each([
    ['of another status', () => new Response('no', { status: 500 })],
    ['that is no JSON', () => new Response('<html>')],
    ['without keys', () => new Response('{"error":"later"}')],
    ['whose keys are none', () => new Response('{"keys":[1]}')],
    ['that cannot be had', () => Promise.reject(new TypeError('fetch failed'))],
  ])('%s is asked for once per interval, whoever comes', async (_, answer) => {
    const { state, ask } = setUp(answer);
    for (let n = 0; n < 100; n++) await expect(ask()).rejects.toThrow();
    expect(state.asked).toBe(1);
    state.nowMs += JWKS_RETRY_MS;
    for (let n = 0; n < 100; n++) await expect(ask()).rejects.toThrow();
    expect(state.asked).toBe(2);
  });

  it('that is too large is given up as soon as that is seen', async () => {
    let sent = 0;
    let isCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
      cancel() {
        isCancelled = true;
      },
    });
    const { ask } = setUp(() => new Response(endless));
    await expect(ask()).rejects.toThrow(/larger than/);
    expect(sent).toBeLessThanOrEqual(JWKS_BYTES_MAX + 4 * 65_536);
    expect(isCancelled).toBe(true);
  });
});
