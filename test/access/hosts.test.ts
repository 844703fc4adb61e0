import { describe, expect, it } from 'vitest';
import { hostCheck } from '../../src/access/hosts.ts';

const LOCAL = [
  'localhost',
  'LOCALHOST:7400',
  'localhost.',
  'localhost.:7400',
  '127.0.0.1',
  '127.9.8.7:1',
  '[::1]',
  '[::1]:7402',
];
const FOREIGN = [
  'evil.example',
  'evil.example:7400',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  '10.0.0.1',
  '[::2]:7400',
  '0.0.0.0',
  'localhost@evil.example',
  '127.1',
  '',
  ':7400',
  '[::1',
  '[::1]evil.example',
  'evil.example[::1]',
  'local:80host',
];

describe('a hub on loopback that asks for no token', () => {
  const isAllowed = hostCheck({ host: '127.0.0.1', allowedHosts: ['Dat.example', '10.0.0.9'] }, false);

  it.each(LOCAL)('answers requests for %s', (host) => expect(isAllowed(host)).toBe(true));
  it.each(FOREIGN)('answers none for %j', (host) => expect(isAllowed(host)).toBe(false));
  it.each(['dat.example', 'DAT.example.:443', '10.0.0.9:7400'])('answers those for the allowed %s', (host) =>
    expect(isAllowed(host)).toBe(true),
  );
});

describe('any host', () => {
  it('is answered where a token is asked for', () => {
    const isAllowed = hostCheck({ host: '127.0.0.1', allowedHosts: [] }, true);
    for (const host of [...LOCAL, ...FOREIGN]) expect(isAllowed(host)).toBe(true);
  });

  it('is answered by a hub that is bound to an address of a network', () => {
    const isAllowed = hostCheck({ host: '0.0.0.0', allowedHosts: [] }, false);
    for (const host of [...LOCAL, ...FOREIGN]) expect(isAllowed(host)).toBe(true);
  });
});
