import { describe, expect, it } from 'vitest';
import { Arena, arenaBytesFor, NO_TEXT } from '../../src/memory/arena.ts';
import { SharedTexts } from '../../src/owner/shared-texts.ts';

/** An arena with room for one short text. */
const smallArena = (): Arena => new Arena(new SharedArrayBuffer(arenaBytesFor([{ count: 1, bytesMax: 4 }])));

describe('texts that rows share', () => {
  it('stand once in the arena, as long as a row names them', () => {
    const arena = smallArena();
    const texts = new SharedTexts(arena);
    const chunk = texts.hold('gw-1');
    expect(chunk).not.toBe(NO_TEXT);
    expect(texts.hold('gw-1')).toBe(chunk);
    texts.release(chunk);
    expect(arena.text(chunk)).toBe('gw-1');
    expect(texts.hold('gw-2')).toBe(NO_TEXT);
    texts.release(chunk);
    expect(arena.text(texts.hold('gw-2'))).toBe('gw-2');
  });

  it('are none for no text', () => {
    const texts = new SharedTexts(smallArena());
    expect(texts.hold('')).toBe(NO_TEXT);
    texts.release(NO_TEXT);
  });

  it('are taken over with as many rows as name them', () => {
    const arena = smallArena();
    const chunk = new SharedTexts(arena).hold('gw-1');
    const texts = new SharedTexts(arena);
    texts.adopt([chunk, chunk]);
    expect(texts.hold('gw-1')).toBe(chunk);
    for (let row = 0; row < 3; row++) {
      expect(texts.hold('gw-2')).toBe(NO_TEXT);
      texts.release(chunk);
    }
    expect(texts.hold('gw-2')).not.toBe(NO_TEXT);
  });
});
