import { describe, expect, it } from 'vitest';
import { causeOf } from '../../src/transport/choose.ts';

const PREAMBLE =
  'This version of uWS.js (v20.67.0) supports only Node.js versions 22, 24 and 26 on (glibc) Linux, macOS and Windows.\n\n';

describe('why a uWebSockets.js binary does not load', () => {
  it.each([
    [
      'a binary that is not there',
      `${PREAMBLE}Error: Cannot find module './uws_linux_x64_137.node'\nRequire stack:\n- /app/node_modules/uWebSockets.js/uws.js\n- /app/dist/src/transport/choose.js`,
      'none is installed for it',
    ],
    [
      'a package that is not there',
      "Cannot find module 'uWebSockets.js-next'\nRequire stack:\n- /app/dist/src/transport/choose.js",
      'none is installed for it',
    ],
    [
      'a C library that is too old',
      `${PREAMBLE}Error: /lib/x86_64-linux-gnu/libc.so.6: version \`GLIBC_2.38' not found (required by /app/node_modules/uws.node)`,
      "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found",
    ],
  ])('is told in words: %s', (_what, message, cause) => expect(causeOf(new Error(message))).toBe(cause));
});
