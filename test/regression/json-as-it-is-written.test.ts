/**
 * `POST /v1/devices/ID/events` wrote numbers anew (…203714 became …203700, 1.10 became 1.1) and took JSON of any depth;
 * access rules with a key twice were taken silently.
 */
import { describe, expect, it } from 'vitest';
import { fakeHub, refusal } from '../admin/fake-hub.ts';

const json = { 'content-type': 'application/json' };

async function publish(data: string) {
  const hub = await fakeHub();
  hub.device('dev-1');
  const body = `{"type": "message", "data": ${data} }`;
  const answer = await hub.ask('POST', '/v1/devices/dev-1/events', { body, headers: json });
  const [command] = hub.commands as unknown as readonly { readonly payload: Uint8Array }[];
  return { answer, payload: command && Buffer.from(command.payload).toString() };
}

describe('an event that an operator publishes', () => {
  it.each(['12345678901234203714', '1.10', '1e400', '{"a": [1.0, 2 ],\n "a":3}', '"\\u00e9\\ud83d"', 'null'])(
    'passes %j on as it was written',
    async (data) => {
      const { answer, payload } = await publish(data);
      expect(answer.status).toBe(200);
      expect(payload).toBe(data);
    },
  );

  it('has as many levels as one of a device may have, and no more', async () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect((await publish(nested(256))).payload).toBe(nested(256));
    for (const depth of [257, 1500, 250_000]) {
      const { answer, payload } = await publish(nested(depth));
      refusal(
        400,
        'bad_request',
        'body is too deep, expected at most 256 lists and objects within each other',
      )(answer);
      expect(payload).toBeUndefined();
    }
  });

  it('has each key of the hub once', async () => {
    const hub = await fakeHub();
    hub.device('dev-1');
    const body = '{"type":"message","data":1,"data":2}';
    const answer = await hub.ask('POST', '/v1/devices/dev-1/events', { body, headers: json });
    refusal(400, 'bad_request', 'body has the member "data" twice in one object')(answer);
  });
});

describe('access rules', () => {
  it.each([
    '{"rules":[],"rules":[]}',
    '{"rules":[{"device":"a","device":"b","subscriber":"*","access":"deny"}]}',
    '{"rules":[{"device":"a","subscriber":"*","access":"deny","\\u0061ccess":"allow"}]}',
  ])('with a key twice are refused: %s', async (body) => {
    const hub = await fakeHub();
    const answer = await hub.ask('PUT', '/v1/access/rules', { body, headers: json });
    refusal(400, 'bad_request', /^body has the member "\w+" twice/)(answer);
    expect(hub.commands).toEqual([]);
  });
});
