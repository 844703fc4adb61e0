import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Generator } from '../../src/cli/bench/generator.ts';
import { temporaryDirectory } from '../support/temporary.ts';

it('says that a process of the generator has ended, also when it is asked after that', async () => {
  const file = join(temporaryDirectory(), 'ends-at-once.js');
  writeFileSync(file, 'process.exit();');
  const generator = new Generator(file, 'sender');
  const order = {
    target: { wire: 'websocket', deviceUrl: '', subscriberUrl: '' },
    load: { devices: 1, rate: 1, subscribers: 0, following: 0 },
    share: { index: 0, of: 1 },
  };
  await expect(generator.open(order)).rejects.toThrow('the sender process ended');
  await expect(generator.report()).rejects.toThrow('the sender process ended');
});
