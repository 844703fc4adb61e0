import { describe, expect, it } from 'vitest';
import { originAllowed } from '../../src/wire/origin.ts';

describe('originAllowed', () => {
  it('lets in a peer that names no origin', () => {
    expect(originAllowed('', 'hub.example:7400', [])).toBe(true);
    expect(originAllowed('', '', ['https://board.example'])).toBe(true);
  });

  it('lets in exactly the origins of the list', () => {
    const allowed = ['https://board.example', 'http://localhost:3000'];
    expect(originAllowed('https://board.example', 'hub.example', allowed)).toBe(true);
    expect(originAllowed('http://localhost:3000', 'hub.example', allowed)).toBe(true);
    for (const origin of [
      'http://board.example',
      'https://board.example:8443',
      'https://board.example.evil.example',
      'https://sub.board.example',
      'http://hub.example',
      'null',
    ]) {
      expect(originAllowed(origin, 'hub.example', allowed), origin).toBe(false);
    }
  });

  it('lets in pages of the own host when there is no list', () => {
    expect(originAllowed('http://hub.example:7400', 'hub.example:7400', [])).toBe(true);
    expect(originAllowed('https://hub.example', 'hub.example', [])).toBe(true);
    expect(originAllowed('http://[::1]:7400', '[::1]:7400', [])).toBe(true);
    expect(originAllowed('http://hub.example:7400', 'HUB.example:7400', [])).toBe(true);
  });

  it('keeps out every other page when there is no list', () => {
    for (const [origin, host] of [
      ['http://evil.example', 'hub.example'],
      ['http://hub.example:7401', 'hub.example:7400'],
      ['http://hub.example', 'hub.example:7400'],
      ['http://hub.example.evil.example', 'hub.example'],
      ['null', 'null'],
      ['null', ''],
      ['file://', ''],
      ['hub.example', 'hub.example'],
      ['http://hub.example/path', 'hub.example'],
      ['chrome-extension://hub.example', 'hub.example'],
      ['http://hub.example', ''],
      ['http://', 'hub.example'],
    ] as const) {
      expect(originAllowed(origin, host, []), `${origin} at ${host}`).toBe(false);
    }
  });
});
