import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { SnapshotRefused, writeSnapshot } from '../../src/snapshot/files.ts';
import { SnapshotLock } from '../../src/snapshot/lock.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { refusalByNumber } from './refusal.ts';

const LOCK = new URL('../../dist/src/snapshot/lock.js', import.meta.url).href;

/** A process that takes the lock and keeps it. */
async function holder(file: string): Promise<{ pid: number; kill: () => Promise<void> }> {
  const script = `import { SnapshotLock } from ${JSON.stringify(LOCK)};
    await SnapshotLock.take(${JSON.stringify(file)});
    console.log('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return {
    pid: child.pid ?? 0,
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

async function take(file: string): Promise<SnapshotLock> {
  const lock = await SnapshotLock.take(file);
  onTestFinished(() => lock.release());
  return lock;
}

it('a lock names the process that holds it, and is free at once when that is killed', async () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'snapshot');
  const { pid, kill } = await holder(file);
  expect((await refusalByNumber(file)).message).toContain(`another hub (process ${pid}) uses it`);
  await kill();
  expect(existsSync(`${file}.lock`)).toBe(true);
  const lock = await take(file);
  expect(lock.warning).toBeUndefined();
  expect(readdirSync(directory)).toEqual(['snapshot.lock']);
  await expect(SnapshotLock.take(file)).rejects.toThrow(SnapshotRefused);
});

it('a lock goes to one of many that find a dead name at the same time', async () => {
  const file = join(temporaryDirectory(), 'snapshot');
  const { kill } = await holder(file);
  await kill();
  const taken = await Promise.allSettled(Array.from({ length: 8 }, () => take(file)));
  expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  await expect(SnapshotLock.take(file)).rejects.toThrow(SnapshotRefused);
});

// The limit on a process's files ends a write in the middle, as a full disk does.
it('a snapshot stays as it was when the disk takes no more', () => {
  const directory = temporaryDirectory();
  const file = join(directory, 'snapshot');
  writeSnapshot(file, [Buffer.from('first')]);
  const built = new URL('../../dist/src/snapshot/files.js', import.meta.url).href;
  const script = `
    import { writeSnapshot } from ${JSON.stringify(built)};
    try {
      writeSnapshot(${JSON.stringify(file)}, Array.from({ length: 100 }, () => Buffer.alloc(4096)));
    } catch (error) {
      console.log(error.code);
    }`;
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -f 16; exec "$0" --input-type=module -e "$1"', process.execPath, script],
    { encoding: 'utf8' },
  );
  expect(stdout, stderr).toMatch(/^(EFBIG|ENOSPC)\n$/);
  expect(readdirSync(directory)).toEqual(['snapshot']);
  expect(readFileSync(file, 'utf8')).toBe('first');
});
