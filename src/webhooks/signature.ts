/** Signs requests as Standard Webhooks describes (https://www.standardwebhooks.com): HMAC-SHA256, version 1. Pure. */
import { createHmac } from 'node:crypto';

const SECRET_PREFIX = 'whsec_';

/** @param secret `whsec_` and base64, as the settings accept it */
export function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
}

/** The headers that prove that the body comes from this hub, and when. @param atMs wall-clock ms of this try */
export function signedHeaders(
  key: Uint8Array,
  id: string,
  atMs: number,
  body: string,
): Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>> {
  const timestamp = String(Math.floor(atMs / 1e3));
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}
