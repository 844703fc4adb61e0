/**
 * Ends the process with the npm that started it. npm runs a command through a shell and passes SIGTERM and SIGINT on
 * to that shell alone. Debian's shell dies of them and leaves the command running, without a parent; the command
 * notices that and treats it as SIGTERM. Runs on main.
 */
import { readFileSync } from 'node:fs';

const LOOK_MS = 250;

export interface ShellDeps {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The parent's process id, now. */
  parent(): number;
  /** The arguments of a process, its name first. @throws where they cannot be read */
  argumentsOf(pid: number): readonly string[];
  end(): void;
}

const host: ShellDeps = {
  env: process.env,
  parent: () => process.ppid,
  argumentsOf: (pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0'),
  end: () => void process.kill(process.pid, 'SIGTERM'),
};

/** Does nothing when npm did not start this process, or is its parent itself and so passes its signals on. */
export function endWithNpm(deps: ShellDeps = host): void {
  const parent = deps.parent();
  if (!isShellOfNpm(parent, deps)) return;
  const timer = setInterval(() => {
    if (deps.parent() === parent) return;
    clearInterval(timer);
    deps.end();
  }, LOOK_MS);
  timer.unref();
}

function isShellOfNpm(pid: number, { env, argumentsOf }: ShellDeps): boolean {
  const { npm_lifecycle_event: startedBy } = env;
  if (startedBy === undefined) return false;
  try {
    const [, flag, script = ''] = argumentsOf(pid);
    // What the script put into the background is meant to outlive the shell.
    return flag === '-c' && !/(^|[^&>])&([^&>]|$)/.test(script);
  } catch {
    return false; // no /proc here
  }
}
