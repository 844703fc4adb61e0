/** `dat doctor`: checks this host and suggests fixes. */
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { constrainedMemory } from 'node:process';
import { PacketType } from '../../wire/mqtt/constants.ts';
import { examples, Group, type JsonOption, jsonOption, type RegisterCommand } from '../command.ts';
import { environment } from '../connection.ts';
import { CliFailure, Exit } from '../failure.ts';
import { connectPacket } from '../fleet/mqtt-packets.ts';
import { jsonLine, line, styled } from '../output.ts';

export const register: RegisterCommand = (dat) => {
  dat
    .command('doctor')
    .helpGroup(Group.setup)
    .summary('check this host and suggest fixes')
    .description('Check whether the hub runs well on this host, and suggest fixes.')
    .addOption(jsonOption())
    .addHelpText('after', examples('dat doctor', 'dat doctor --json | jq -r .state'))
    .action(doctor);
};

interface Finding {
  readonly name: string;
  readonly state: 'good' | 'warning' | 'bad';
  readonly found: string;
  /** What to do; absent where all is good. */
  readonly fix?: string;
}

const NODE_MINIMUM = [20, 19] as const;
const OPEN_FILES_WANTED = 65_536;
const BACKLOG_WANTED = 1024;
const PORTS_WANTED = 20_000;
const MEMORY_WANTED = 512 * 1024 ** 2;

/** @throws CliFailure when something is bad */
async function doctor({ json }: JsonOption): Promise<void> {
  const findings = await examine();
  if (json) for (const finding of findings) jsonLine(finding);
  else {
    const marks = {
      good: styled('green', 'good   '),
      warning: styled('yellow', 'warning'),
      bad: styled('red', 'bad    '),
    };
    for (const { name, state, found, fix } of findings) {
      line(`${marks[state]}  ${styled('bold', name)}  ${found}`);
      if (fix !== undefined) line(`         ${fix}`);
    }
  }
  if (findings.some(({ state }) => state === 'bad'))
    throw new CliFailure(Exit.failed, 'the hub does not run well on this host');
}

async function examine(): Promise<Finding[]> {
  return [
    node(),
    libc(),
    await transport(),
    openFiles(),
    await cores(),
    backlog(),
    ports(),
    memory(),
    clock(),
    await mqttPort(),
  ];
}

function node(): Finding {
  const name = 'Node';
  const found = process.version;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isOld = major < NODE_MINIMUM[0] || (major === NODE_MINIMUM[0] && minor < NODE_MINIMUM[1]);
  return isOld
    ? { name, state: 'bad', found, fix: `install Node ${NODE_MINIMUM.join('.')} or newer` }
    : { name, state: 'good', found };
}

function libc(): Finding {
  const name = 'C library';
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const version = header.glibcVersionRuntime;
  if (version !== undefined) return { name, state: 'good', found: `glibc ${version}` };
  const fix =
    'use an image with glibc (Debian, Ubuntu); elsewhere uWebSockets.js has no binaries, and ws is slower';
  return { name, state: 'warning', found: `${process.platform} without glibc`, fix };
}

async function transport(): Promise<Finding> {
  const { chooseTransport } = await import('../../transport/choose.ts');
  const { transport: chosen, reason } = await chooseTransport('auto');
  const name = 'transport';
  if (chosen.name === 'uws') return { name, state: 'good', found: reason };
  return {
    name,
    state: 'warning',
    found: reason,
    fix: 'run npm install without --omit=optional, on a Node version that has a binary',
  };
}

function openFiles(): Finding {
  const name = 'open files';
  const limit = /^Max open files\s+(\S+)/m.exec(read('/proc/self/limits'))?.[1];
  if (limit === undefined)
    return { name, state: 'warning', found: 'the limit cannot be read', fix: 'look at it with: ulimit -n' };
  const found = `${limit} per process`;
  if (limit === 'unlimited' || Number(limit) >= OPEN_FILES_WANTED) return { name, state: 'good', found };
  const fix = `each connection takes one; set LimitNOFILE=${OPEN_FILES_WANTED} (systemd), or ulimit -n ${OPEN_FILES_WANTED}`;
  return { name, state: 'warning', found, fix };
}

async function cores(): Promise<Finding> {
  const { resolveThreads } = await import('../../settings.ts');
  const name = 'cores';
  const count = availableParallelism();
  const { fanout } = resolveThreads({ ingestWorkers: 0, fanoutWorkers: 'auto' }, count);
  const split = resolveThreads({ ingestWorkers: 'auto', fanoutWorkers: 'auto' }, count);
  const workers = (number: number): string => `${number} fan-out ${number === 1 ? 'worker' : 'workers'}`;
  const found = `${count}, so ${workers(fanout)}${
    split.ingest === 0
      ? ''
      : `; DAT_INGEST_WORKERS=auto, for devices that send more than one core receives, makes it ${split.ingest} ingest threads and ${workers(split.fanout)}`
  }`;
  if (count >= 3) return { name, state: 'good', found };
  return {
    name,
    state: 'warning',
    found,
    fix: 'the main, owner and fan-out threads share them; use 3 cores or more for large audiences',
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
      fix: 'look at it with: sysctl net.core.somaxconn',
    };
  const found = `at most ${limit}`;
  if (limit >= BACKLOG_WANTED) return { name, state: 'good', found };
  return {
    name,
    state: 'warning',
    found,
    fix: `for many peers that reconnect at once: sysctl -w net.core.somaxconn=${BACKLOG_WANTED}`,
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
      fix: 'look at it with: sysctl net.ipv4.ip_local_port_range',
    };
  const found = `${from} to ${to}`;
  if (to - from >= PORTS_WANTED) return { name, state: 'good', found };
  return {
    name,
    state: 'warning',
    found,
    fix: 'a proxy on this host needs one per connection; sysctl -w net.ipv4.ip_local_port_range="10240 65535"',
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
    fix: 'lower DAT_MAX_DEVICES, DAT_MAX_SUBSCRIBERS, DAT_MAX_SUBSCRIPTIONS and DAT_SEND_QUEUES_TOTAL_BYTES',
  };
}

/** Tokens expire by it, and events are stamped with it. */
function clock(): Finding {
  const name = 'wall clock';
  const now = new Date();
  const found = now.toISOString();
  if (now.getUTCFullYear() >= 2025) return { name, state: 'good', found };
  return {
    name,
    state: 'bad',
    found,
    fix: 'set the clock (chrony, systemd-timesyncd); tokens expire by it',
  };
}

/** Of the environment, as a hub started here would take it. */
async function mqttPort(): Promise<Finding> {
  const name = 'MQTT over TCP';
  const given = environment('DAT_MQTT_PORT') || 'off';
  if (given === 'off')
    return { name, state: 'good', found: 'off; MQTT over WebSocket is on the other ports, at /mqtt' };
  const port = Number(given);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    return { name, state: 'bad', found: `DAT_MQTT_PORT=${given}`, fix: 'set it to off, or to a port' };
  const failure = await bindFailure(port, environment('DAT_HOST') || '127.0.0.1');
  if (failure === undefined) return { name, state: 'good', found: `port ${port} is free` };
  if (failure !== 'EADDRINUSE')
    return {
      name,
      state: 'bad',
      found: `port ${port} cannot be used: ${failure}`,
      fix: 'take a port of this host that its user may open, from 1024 on without privileges',
    };
  return (await speaksMqtt(port))
    ? { name, state: 'good', found: `port ${port} is in use, and MQTT is spoken there` }
    : {
        name,
        state: 'bad',
        found: `port ${port} is in use by something else`,
        fix: `see who has it with: ss -ltnp 'sport = :${port}'`,
      };
}

/** @returns the code of the failure; undefined: the port can be bound */
function bindFailure(port: number, host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? 'unknown'));
    server.listen(port, host, () => server.close(() => resolve(undefined)));
  });
}

const ANSWER_MS_MAX = 2000;

/** Whether a CONNECT gets a CONNACK, be it a refusal. */
function speaksMqtt(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWER_MS_MAX, () => finish(false));
    socket.on('connect', () => socket.write(connectPacket('', '', 0)));
    socket.on('data', (bytes) => finish(bytes[0]! >> 4 === PacketType.connack));
    socket.on('error', () => finish(false));
    socket.on('close', () => finish(false));
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
