import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SnapshotRefused } from '../../src/snapshot/files.ts';
import { SnapshotLock } from '../../src/snapshot/lock.ts';
import { temporaryDirectory } from '../support/temporary.ts';

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

describe('the lock of a snapshot file', () => {
  it('is held by one, and by the next once it is released', async () => {
    const file = join(temporaryDirectory(), 'snapshot');
    const first = await take(file);
    expect(first.warning).toBeUndefined();
    await expect(SnapshotLock.take(file)).rejects.toThrow(SnapshotRefused);
    await expect(SnapshotLock.take(file)).rejects.toThrow(/another hub \(process \d+\) uses it/);
    first.release();
    expect(existsSync(`${file}.lock`)).toBe(false);
    await take(file);
  });

  it('names the process that holds it, and is free at once when that is killed', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    const { pid, kill } = await holder(file);
    await expect(SnapshotLock.take(file)).rejects.toThrow(`another hub (process ${pid}) uses it`);
    await kill();
    expect(existsSync(`${file}.lock`)).toBe(true);
    const lock = await take(file);
    expect(lock.warning).toBeUndefined();
    expect(readdirSync(directory)).toEqual(['snapshot.lock']);
    await expect(SnapshotLock.take(file)).rejects.toThrow(SnapshotRefused);
  });

  it('goes to one of many that find a dead name at the same time', async () => {
    const file = join(temporaryDirectory(), 'snapshot');
    const { kill } = await holder(file);
    await kill();
    const taken = await Promise.allSettled(Array.from({ length: 8 }, () => take(file)));
    expect(taken.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(SnapshotLock.take(file)).rejects.toThrow(SnapshotRefused);
  });

  it('is held too by one that does not answer', async () => {
    const file = join(temporaryDirectory(), 'snapshot');
    const silent = createServer(() => {});
    silent.listen(`${file}.lock`);
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    await expect(SnapshotLock.take(file)).rejects.toThrow(/another hub uses it/);
  });

  it('holds for a path that is longer than a socket may have', async () => {
    const directory = join(temporaryDirectory(), 'd'.repeat(100), 'e'.repeat(100));
    mkdirSync(directory, { recursive: true });
    const file = join(directory, 'snapshot');
    const first = await take(file);
    if (process.platform === 'linux') expect(first.warning).toBeUndefined();
    if (first.warning !== undefined) return;
    expect(existsSync(`${file}.lock`)).toBe(true);
    await expect(SnapshotLock.take(file)).rejects.toThrow(SnapshotRefused);
    first.release();
    expect(existsSync(`${file}.lock`)).toBe(false);
  });

  it('leaves a file alone that is no lock', async () => {
    const file = join(temporaryDirectory(), 'snapshot');
    writeFileSync(`${file}.lock`, 'mine');
    await expect(SnapshotLock.take(file)).rejects.toThrow(/in the way/);
    expect(existsSync(`${file}.lock`)).toBe(true);
  });

  it('is only warned of where it cannot be had', async () => {
    const lock = await SnapshotLock.take(join(temporaryDirectory(), 'missing', 'snapshot'));
    expect(lock.warning).toMatch(/cannot be locked \(\w+\)/);
  });
});
