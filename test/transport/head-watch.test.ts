import { describe, expect, it } from 'vitest';
import { HeadWatch } from '../../src/transport/head-watch.ts';

describe('the end of a head', () => {
  it.each([
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'rest'],
    ['\r\n\r\n', '\0\r\nQUIT\n'],
    ['\r\r\n\r\r\n\r\n', '\r\n\r\n'],
    ['a\n\r\n\n\r\n\r\n', ''],
  ])('of %j is found, however it is split', (head, rest) => {
    const bytes = Buffer.from(head + rest, 'latin1');
    for (let first = 0; first <= bytes.length; first++) {
      const watch = new HeadWatch();
      const parts = [bytes.subarray(0, first), bytes.subarray(first)];
      const taken = parts.reduce((sum, part) => sum + watch.push(part), 0);
      expect(taken, `split at ${first}`).toBe(head.length);
      expect(watch.hasEnded).toBe(true);
    }
  });

  it('has not come before the empty line', () => {
    const watch = new HeadWatch();
    expect(watch.push(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r'))).toBe(26);
    expect(watch.hasEnded).toBe(false);
  });
});
