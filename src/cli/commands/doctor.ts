/** `dat doctor`: whether this host is one that the hub runs well on, and what mends what is not. */
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { constrainedMemory } from 'node:process';
import { resolveFanoutWorkers } from '../../settings.ts';
import { chooseTransport } from '../../transport/choose.ts';
import { CliFailure, Exit } from '../failure.ts';
import { jsonLine, line, styled } from '../output.ts';

export interface Finding {
  readonly name: string;
  readonly state: 'good' | 'warning' | 'bad';
  readonly found: string;
  /** What to do; absent where all is good. */
  readonly mend?: string;
}

const NODE_MINIMUM = [20, 19] as const;
const OPEN_FILES_WANTED = 65_536;
const BACKLOG_WANTED = 1024;
const PORTS_WANTED = 20_000;
const MEMORY_WANTED = 512 * 1024 ** 2;

/** @throws CliFailure when something is bad */
export async function doctor({ json }: { readonly json?: boolean }): Promise<void> {
  const findings = await examine();
  if (json) for (const finding of findings) jsonLine(finding);
  else {
    const marks = {
      good: styled('green', 'good   '),
      warning: styled('yellow', 'warning'),
      bad: styled('red', 'bad    '),
    };
    for (const { name, state, found, mend } of findings) {
      line(`${marks[state]}  ${styled('bold', name)}  ${found}`);
      if (mend !== undefined) line(`         ${mend}`);
    }
  }
  if (findings.some(({ state }) => state === 'bad'))
    throw new CliFailure(Exit.failed, 'the hub will not run well here');
}

async function examine(): Promise<Finding[]> {
  return [node(), libc(), await transport(), openFiles(), cores(), backlog(), ports(), memory(), clock()];
}

function node(): Finding {
  const name = 'Node';
  const found = process.version;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isOld = major < NODE_MINIMUM[0] || (major === NODE_MINIMUM[0] && minor < NODE_MINIMUM[1]);
  return isOld
    ? { name, state: 'bad', found, mend: `install Node ${NODE_MINIMUM.join('.')} or later` }
    : { name, state: 'good', found };
}

function libc(): Finding {
  const name = 'C library';
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const version = header.glibcVersionRuntime;
  if (version !== undefined) return { name, state: 'good', found: `glibc ${version}` };
  const mend =
    'use an image with glibc (Debian, Ubuntu): uWebSockets.js has no binaries for others, and ws is slower';
  return { name, state: 'warning', found: `${process.platform}, not glibc`, mend };
}

async function transport(): Promise<Finding> {
  const { transport: chosen, reason } = await chooseTransport('auto');
  const name = 'transport';
  if (chosen.name === 'uws') return { name, state: 'good', found: reason };
  return {
    name,
    state: 'warning',
    found: reason,
    mend: 'npm install again without --omit=optional, on a Node that has a binary',
  };
}

function openFiles(): Finding {
  const name = 'open files';
  const limit = /^Max open files\s+(\S+)/m.exec(read('/proc/self/limits'))?.[1];
  if (limit === undefined)
    return { name, state: 'warning', found: 'the limit cannot be read', mend: 'see: ulimit -n' };
  const found = `${limit} per process`;
  if (limit === 'unlimited' || Number(limit) >= OPEN_FILES_WANTED) return { name, state: 'good', found };
  const mend = `each connection takes one: LimitNOFILE=${OPEN_FILES_WANTED} (systemd), or ulimit -n ${OPEN_FILES_WANTED}`;
  return { name, state: 'warning', found, mend };
}

function cores(): Finding {
  const name = 'cores';
  const count = availableParallelism();
  const workers = resolveFanoutWorkers({ fanoutWorkers: 'auto' }, count);
  const found = `${count}, so ${workers} fan-out ${workers === 1 ? 'worker' : 'workers'}`;
  if (count >= 3) return { name, state: 'good', found };
  return {
    name,
    state: 'warning',
    found,
    mend: 'main, owner and worker share them: give it 3 or more for large audiences',
  };
}

function backlog(): Finding {
  const name = 'connections waiting to be accepted';
  const limit = Number(read('/proc/sys/net/core/somaxconn'));
  if (!(limit > 0))
    return {
      name,
      state: 'warning',
      found: 'the limit cannot be read',
      mend: 'see: sysctl net.core.somaxconn',
    };
  const found = `at most ${limit}`;
  if (limit >= BACKLOG_WANTED) return { name, state: 'good', found };
  return {
    name,
    state: 'warning',
    found,
    mend: `sysctl -w net.core.somaxconn=${BACKLOG_WANTED}, for everybody coming back at once`,
  };
}

function ports(): Finding {
  const name = 'local ports';
  const [from = 0, to = 0] = read('/proc/sys/net/ipv4/ip_local_port_range').split(/\s+/).map(Number);
  if (to <= from)
    return {
      name,
      state: 'warning',
      found: 'the range cannot be read',
      mend: 'see: sysctl net.ipv4.ip_local_port_range',
    };
  const found = `${from} to ${to}`;
  if (to - from >= PORTS_WANTED) return { name, state: 'good', found };
  return {
    name,
    state: 'warning',
    found,
    mend: 'a proxy on this host needs one per connection: sysctl -w net.ipv4.ip_local_port_range="10240 65535"',
  };
}

function memory(): Finding {
  const name = 'memory';
  const limit = constrainedMemory() ?? 0;
  const bytes = limit > 0 && limit < totalmem() ? limit : totalmem();
  const found = `${Math.round(bytes / 1024 ** 2)} MiB`;
  if (bytes >= MEMORY_WANTED) return { name, state: 'good', found };
  return {
    name,
    state: 'warning',
    found,
    mend: 'lower DAT_MAX_DEVICES, DAT_MAX_SUBSCRIBERS, DAT_MAX_SUBSCRIPTIONS and DAT_SEND_QUEUES_TOTAL_BYTES',
  };
}

/** Tokens go by it, and `at` of events. */
function clock(): Finding {
  const name = 'wall clock';
  const now = new Date();
  const found = now.toISOString();
  if (now.getUTCFullYear() >= 2025) return { name, state: 'good', found };
  return {
    name,
    state: 'bad',
    found,
    mend: 'set the clock (chrony, systemd-timesyncd): tokens are judged by it',
  };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
