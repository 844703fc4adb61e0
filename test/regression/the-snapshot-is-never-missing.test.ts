/** Between two renames FILE was not there: whoever copied it just then, or a test that read it, found nothing. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

const FILES = new URL('../../dist/src/snapshot/files.js', import.meta.url).href;
const WRITES = 300;
const LOOKS_PER_TURN = 2000;

it('is there at every moment in which it is written anew', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dat-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'snapshot');
  const script = `import { writeSnapshot } from ${JSON.stringify(FILES)};
    for (let n = 0; n < ${WRITES}; n++) writeSnapshot(${JSON.stringify(file)}, [Buffer.from('x')]);`;
  const writer = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  let code: number | null | undefined;
  writer.once('exit', (ended) => {
    code = ended;
  });
  let wasThere = false;
  let missing = 0;
  while (code === undefined) {
    for (let look = 0; look < LOOKS_PER_TURN; look++) {
      const isThere = existsSync(file);
      if (wasThere && !isThere) missing += 1;
      wasThere ||= isThere;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect({ code, wasThere, missing }).toEqual({ code: 0, wasThere: true, missing: 0 });
});
