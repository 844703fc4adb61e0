import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { keyOf, signedHeaders } from '../../src/webhooks/signature.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

describe('a signature', () => {
  it('is what the reference library signs', () => {
    const [id, atMs, body] = [
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1_614_265_330_999,
      '{"test": 2432232314}',
    ] as const;
    expect(signedHeaders(keyOf(SECRET), id, atMs, body)).toEqual({
      'webhook-id': id,
      'webhook-timestamp': '1614265330',
      'webhook-signature': new Webhook(SECRET).sign(id, new Date(1_614_265_330_000), body),
    });
  });

  it('is accepted by the reference library, and no other body or secret is', () => {
    const body = JSON.stringify({ text: 'ü\n' });
    const headers = signedHeaders(keyOf(SECRET), 'msg_1', Date.now(), body);
    expect(new Webhook(SECRET).verify(body, { ...headers })).toEqual({ text: 'ü\n' });
    expect(() => new Webhook(SECRET).verify(`${body} `, { ...headers })).toThrow();
    const other = `whsec_${Buffer.alloc(24).toString('base64')}`;
    expect(() => new Webhook(other).verify(body, { ...headers })).toThrow();
  });
});
