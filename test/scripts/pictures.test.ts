import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { hasChromium } from '../support/chromium.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/pictures.js', import.meta.url));
const PNG = Buffer.from('89504e470d0a1a0a', 'hex');

describe.runIf(hasChromium)('the pictures of the docs', () => {
  it('are taken by one command', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dat-pictures-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const child = spawn(process.execPath, [SCRIPT, '--out', folder, '--seconds', '1'], { stdio: 'ignore' });
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    for (const name of ['dashboard.png', 'dashboard-device.png', 'dashboard-follow.png']) {
      const picture = readFileSync(join(folder, name));
      expect(picture.subarray(0, PNG.length)).toEqual(PNG);
      expect(picture.readUInt32BE(16), 'width').toBe(1280);
    }
  });
});
