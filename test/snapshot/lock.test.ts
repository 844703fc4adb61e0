import { once } from 'node:events';
import { existsSync, linkSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SnapshotRefused } from '../../src/snapshot/files.ts';
import { SnapshotLock } from '../../src/snapshot/lock.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { fsError, replaceInFs, watchFs } from './file-system.ts';
import { refusalByNumber } from './refusal.ts';

/** The longest path that a socket may have, bytes. */
const SOCKET_PATH_BYTES_MAX = 103;

async function take(file: string): Promise<SnapshotLock> {
  const lock = await SnapshotLock.take(file);
  onTestFinished(() => lock.release());
  return lock;
}

/** Another hub that holds the name, as far as this one can tell. It is there when this returns. */
function listen(path: string, answer: (socket: Socket) => void): Server {
  const server = createServer((socket) => answer(socket.on('error', () => {})));
  server.listen(path);
  onTestFinished(() => void server.close());
  return server;
}

/** What a hub that was killed leaves: a name that nobody answers at. */
async function leaveDeadName(path: string): Promise<void> {
  const server = listen(`${path}.first`, () => {});
  await once(server, 'listening');
  linkSync(`${path}.first`, path);
  server.close(); // takes the first name away
  await once(server, 'close');
}

const inUse = (file: string, who: string): SnapshotRefused =>
  new SnapshotRefused(`snapshot file ${JSON.stringify(file)}: ${who} uses it; give each hub its own`);

describe('the lock of a snapshot file', () => {
  it('is held by one, and by the next once it is released', async () => {
    const file = join(temporaryDirectory(), 'snapshot');
    const first = await take(file);
    expect(first.warning).toBeUndefined();
    const refused = inUse(file, `another hub (process ${process.pid})`);
    expect(await refusalByNumber(file)).toEqual(refused);
    await expect(SnapshotLock.take(relative(process.cwd(), file))).rejects.toThrow(SnapshotRefused);
    first.release();
    expect(existsSync(`${file}.lock`)).toBe(false);
    await take(file);
    first.release();
    expect(await refusalByNumber(file)).toEqual(refused);
  });

  it('does not keep the process from ending', async () => {
    const pipes = () => process.getActiveResourcesInfo().filter((name) => name === 'PipeWrap').length;
    const before = pipes();
    await take(join(temporaryDirectory(), 'snapshot'));
    expect(pipes()).toBeLessThanOrEqual(before); // another file's may have closed meanwhile
  });

  it('leaves a file alone that is no lock', async () => {
    const file = join(temporaryDirectory(), 'snapshot');
    writeFileSync(`${file}.lock`, 'mine');
    await expect(SnapshotLock.take(file)).rejects.toThrow(
      new SnapshotRefused(`snapshot file ${JSON.stringify(file)}: ${file}.lock is in the way of its lock`),
    );
    expect(existsSync(`${file}.lock`)).toBe(true);
  });

  it('is only warned of where it cannot be had', async () => {
    const file = join(temporaryDirectory(), 'missing', 'snapshot');
    const lock = await SnapshotLock.take(file);
    expect(lock.warning).toMatch(/ cannot be locked \(\w+\): no other hub may use it$/);
    expect(lock.warning).toContain(`snapshot file ${JSON.stringify(file)} `);
    lock.release();
  });
});

describe('a hub that holds the lock', () => {
  it.each([
    ['is named by the number that it answers with', '4711', 'another hub (process 4711)'],
    ['is not named by what is none', '4711.', 'another hub'],
    ['is not named by what only ends with one', 'pid 4711', 'another hub'],
    ['is not named by more than fits a number', '12345678901', 'another hub'],
    ['is not named when it says nothing', '', 'another hub'],
  ])('%s', async (_, answer, who) => {
    const file = join(temporaryDirectory(), 'snapshot');
    listen(`${file}.lock`, (socket) => {
      const [first = '', ...rest] = answer;
      socket.write(first, () => socket.end(rest.join('')));
    });
    if (who === 'another hub') await expect(SnapshotLock.take(file)).rejects.toThrow(inUse(file, who));
    else expect(await refusalByNumber(file)).toEqual(inUse(file, who));
    expect(existsSync(`${file}.lock`)).toBe(true);
  });

  it('need not answer at all', async () => {
    const file = join(temporaryDirectory(), 'snapshot');
    listen(`${file}.lock`, () => {});
    await expect(SnapshotLock.take(file)).rejects.toThrow(inUse(file, 'another hub'));
  });
});

describe('the name that a dead hub left', () => {
  it('is taken away, and the lock is had at once', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    await leaveDeadName(`${file}.lock`);
    const lock = await take(file);
    expect(lock.warning).toBeUndefined();
    expect(readdirSync(directory)).toEqual(['snapshot.lock']);
    await expect(SnapshotLock.take(file)).rejects.toThrow(SnapshotRefused);
  });

  it('may be taken away by another, which then leaves the lock to this one', async () => {
    const file = join(temporaryDirectory(), 'snapshot');
    await leaveDeadName(`${file}.lock`);
    const taking = take(file);
    rmSync(`${file}.lock`); // after its first try, before it asks who is there
    expect((await taking).warning).toBeUndefined();
  });

  it('goes back to the hub that has taken it meanwhile', async () => {
    const directory = temporaryDirectory();
    const file = join(directory, 'snapshot');
    await leaveDeadName(`${file}.lock`);
    replaceInFs('renameSync', (rename) => (from, to) => {
      rmSync(from as string);
      listen(from as string, (socket) => socket.end('4711'));
      return rename(from, to);
    });
    expect(await refusalByNumber(file)).toEqual(inUse(file, 'another hub (process 4711)'));
    expect(readdirSync(directory)).toEqual(['snapshot.lock']);
  });

  it('is left to others when it changes hands five times in a row', async () => {
    const file = join(temporaryDirectory(), 'snapshot');
    await leaveDeadName(`${file}.lock`);
    let tries = 0;
    replaceInFs('renameSync', () => () => {
      tries += 1;
      throw fsError('ENOENT');
    });
    await expect(SnapshotLock.take(file)).rejects.toThrow(inUse(file, 'another hub'));
    expect(tries).toBe(5);
  });
});

describe.runIf(process.platform === 'linux')('a path that is longer than a socket may have', () => {
  /** A snapshot file whose lock has a path of so many bytes, the last `name` of them its name. */
  function fileOf(bytes: number, name = 13): string {
    const directory = temporaryDirectory();
    const left = bytes - Buffer.byteLength(directory) - '/'.length - '/'.length - name;
    // No name may have more than 255 bytes.
    const folders = [];
    for (let rest = left; rest > 0; rest -= 101) folders.push('d'.repeat(Math.min(rest, 100)));
    const file = join(directory, ...folders, 's'.repeat(name - '.lock'.length));
    expect(Buffer.byteLength(`${file}.lock`)).toBe(bytes);
    mkdirSync(dirname(file), { recursive: true });
    return file;
  }

  it('is locked like any other, through its directory, which is open meanwhile', async () => {
    for (const bytes of [SOCKET_PATH_BYTES_MAX, SOCKET_PATH_BYTES_MAX + 1, 300]) {
      const file = fileOf(bytes);
      const { open } = watchFs();
      const first = await SnapshotLock.take(file);
      expect(first.warning).toBeUndefined();
      const isShort = bytes <= SOCKET_PATH_BYTES_MAX;
      expect(open()).toEqual(isShort ? [] : [dirname(file)]);
      expect(existsSync(`${file}.lock`)).toBe(true);
      await expect(SnapshotLock.take(file)).rejects.toThrow(SnapshotRefused);
      expect(open()).toEqual(isShort ? [] : [dirname(file)]);
      first.release();
      expect(existsSync(`${file}.lock`)).toBe(false);
      expect(open()).toEqual([]);
    }
  });

  it('is not locked where its name alone is too long, with a warning', async () => {
    const file = fileOf(300, SOCKET_PATH_BYTES_MAX);
    const { open } = watchFs();
    const lock = await SnapshotLock.take(file);
    expect(lock.warning).toBe(
      `snapshot file ${JSON.stringify(file)} cannot be locked (its path is too long): no other hub may use it`,
    );
    expect(open()).toEqual([]);
    lock.release();
    expect(existsSync(`${file}.lock`)).toBe(false);
  });

  it('is not locked where the system shows no descriptors as paths, with a warning', async () => {
    const file = fileOf(SOCKET_PATH_BYTES_MAX + 1);
    const { platform } = process;
    onTestFinished(() => void Object.defineProperty(process, 'platform', { value: platform }));
    Object.defineProperty(process, 'platform', { value: 'freebsd' });
    const { calls } = watchFs();
    expect((await SnapshotLock.take(file)).warning).toContain('(its path is too long)');
    expect(calls).toEqual([]);
  });
});
