import { describe, expect, it } from 'vitest';
import { lastLine } from '../../src/transport/choose.ts';

describe('why a transport cannot be loaded', () => {
  it('is one line that names the missing binary, not the files that asked for it', () => {
    const message = `This version of uWS.js supports only Node.js versions 18, 20, 22 and 23.

Error: Cannot find module './uws_linux_x64_137.node'
Require stack:
- /srv/node_modules/uWebSockets.js/uws.js
- /srv/dist/src/transport/choose.js`;
    expect(lastLine(new Error(message))).toBe("Cannot find module './uws_linux_x64_137.node'");
  });

  it('is the message where that is all there is', () => {
    expect(lastLine(new Error('GLIBC_2.38 not found'))).toBe('GLIBC_2.38 not found');
    expect(lastLine('odd')).toBe('odd');
  });
});
