import { describe, expect, it } from 'vitest';
import { boundedKeySetFetch } from '../../src/access/key-set.ts';
import { JWKS_BYTES_MAX, JWKS_RETRY_MS } from '../../src/limits.ts';

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
