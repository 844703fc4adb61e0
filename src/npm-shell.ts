/**
 * Ends the process with the npm that started it. npm runs a command through a shell and passes SIGTERM and SIGINT on
 * to that shell alone. Debian's shell dies of them and leaves the command running, without a parent; the command
 * notices that and treats it as SIGTERM. Runs on main.
 */
import { readFileSync } from 'node:fs';

const LOOK_MS = 250;

export interface ShellDeps {
  /** The parent's process id, now. */
  parent(): number;
  /** The arguments of a process, its name first. @throws where they cannot be read */
  argumentsOf(pid: number): readonly string[];
  end(): void;
}

const host: ShellDeps = {
  parent: () => process.ppid,
  argumentsOf: (pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'),
  end: () => void process.kill(process.pid, 'SIGTERM'),
};

/**
 * Does nothing when npm did not start this process, or is its parent itself and so passes its signals on.
 * @param env of this process
 */
export function endWithNpm(env: Readonly<Record<string, string | undefined>>, deps: ShellDeps = host): void {
  const { npm_lifecycle_event: startedBy, npm_lifecycle_script: script = '' } = env;
  if (startedBy === undefined) return;
  const parent = deps.parent();
  if (isAdopter(parent, deps) && RUNS_DAT.test(script)) {
    deps.end(); // npm was gone before this process had come so far
    return;
  }
  if (!isForegroundShell(parent, deps)) return;
  const timer = setInterval(() => {
    if (deps.parent() === parent) return;
    clearInterval(timer);
    deps.end();
  }, LOOK_MS);
  timer.unref();
}

/** A script that runs `dat` itself. One that runs another script may leave it in the background, without a parent. */
const RUNS_DAT = /^['"]?([^\s'"]*\/)?dat['"]?(\s[^&]*)?$/;

/** Whether it is who gets the children of those that have ended; in a container npm may be that process itself. */
function isAdopter(pid: number, { argumentsOf }: ShellDeps): boolean {
  try {
    const name = argumentsOf(pid)[0]?.split(' ')[0]?.split('/').at(-1) ?? '';
    return name === 'systemd' || (pid === 1 && !['npm', 'npx', 'node', 'sh', 'bash', 'dash'].includes(name));
  } catch {
    return false; // no /proc here
  }
}

function isForegroundShell(pid: number, { argumentsOf }: ShellDeps): boolean {
  try {
    const [, flag, script = ''] = argumentsOf(pid);
    // What the script put into the background is meant to outlive the shell.
    return flag === '-c' && !/(^|[^&>])&([^&>]|$)/.test(script);
  } catch {
    return false; // no /proc here
  }
}
