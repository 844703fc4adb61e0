import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { endWithNpm, type ShellDeps } from '../src/npm-shell.ts';

describe('a process that npm started', () => {
  let parent = 100;
  const end = vi.fn();
  const deps = (script: readonly string[]): ShellDeps => ({
    parent: () => parent,
    argumentsOf: () => script,
    end,
  });
  const npm = { npm_lifecycle_event: 'start' };
  const shell = ['sh', '-c', 'npm run build && dat serve', ''];

  beforeEach(() => {
    vi.useFakeTimers();
    parent = 100;
    end.mockClear();
  });
  afterEach(() => void vi.useRealTimers());

  it('ends once when the shell between them is gone', () => {
    endWithNpm(npm, deps(shell));
    vi.advanceTimersByTime(10_000);
    expect(end).not.toHaveBeenCalled();
    parent = 1;
    vi.advanceTimersByTime(10_000);
    expect(end).toHaveBeenCalledOnce();
  });

  it.each([
    ["'dat'", '/sbin/init'],
    ['dat serve', '/usr/bin/tini'],
    ['node_modules/.bin/dat demo', '/process'],
  ])('ends at once when npm was gone before it looked: %s', (script, init) => {
    parent = 1;
    endWithNpm({ ...npm, npm_lifecycle_script: script }, deps([init, '']));
    expect(end).toHaveBeenCalledOnce();
  });

  it.each([
    ['the script runs another', './start.sh', '/sbin/init'],
    ['the script put it into the background', 'dat serve &', '/sbin/init'],
    ['npm is the first process of a container', 'dat serve', 'npm exec dat serve'],
  ])('stays without a parent when %s', (_why, script, init) => {
    parent = 1;
    endWithNpm({ ...npm, npm_lifecycle_script: script }, deps([init, '']));
    vi.advanceTimersByTime(10_000);
    expect(end).not.toHaveBeenCalled();
  });

  it.each([
    ['npm did not start it', shell, {}],
    ['npm itself is its parent', ['npm start', ''], npm],
    ['the script put it into the background', ['sh', '-c', 'dat serve >log 2>&1 &'], npm],
  ])('does not watch when %s', (_why, script, env) => {
    endWithNpm(env, deps(script));
    parent = 1;
    vi.advanceTimersByTime(10_000);
    expect(end).not.toHaveBeenCalled();
  });

  it('does not watch where the parent cannot be looked at', () => {
    endWithNpm(npm, {
      ...deps(shell),
      argumentsOf: () => {
        throw new Error('ENOENT');
      },
    });
    parent = 1;
    vi.advanceTimersByTime(10_000);
    expect(end).not.toHaveBeenCalled();
  });
});
