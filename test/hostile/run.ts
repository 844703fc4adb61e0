/** Runs attacks on a hub, beside a victim, and says what became of everybody. */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { admin } from '../support/admin.ts';
import { type Env, type HubProcess, startHub } from '../support/hub-process.ts';
import { KeyServer, SECRET, tokenFor } from '../support/tokens.ts';
import { WAIT_MS } from '../support/waits.ts';
import { type Attack, type RowName, rows, type Target, VICTIM } from './attack.ts';
import { type NoteCounts, Notes } from './notes.ts';
import { followerId, Victim, type VictimReport } from './victim.ts';
import { Watch, type WatchReport } from './watch.ts';

export interface Times {
  readonly warmUpMs: number;
  readonly beforeMs: number;
  readonly attackMs: number;
}

export interface Result {
  /** Its name; of several, separated by commas. */
  readonly attack: string;
  readonly row: RowName;
  readonly victim: VictimReport;
  readonly hub: WatchReport;
  /** What happened to the attacker. */
  readonly attacker: NoteCounts;
  /** Requests that the key server got, where there is one. */
  readonly keyRequests?: number;
  /** How the hub ended when it was told to. */
  readonly exitCode: number | null;
  /** Of log lines of level error. */
  readonly hubErrors: readonly string[];
}

const ERROR_LEVEL = 50;
/** It may wait for its first connection, and has to end all of them. */
const STOP_MS = 2 * WAIT_MS;
/** Vitest runs the sources; the attacker's process needs what was built of them. */
const ATTACKER = fileURLToPath(
  import.meta.url.endsWith('.ts')
    ? new URL('../../dist/test/hostile/attacker.js', import.meta.url)
    : new URL('attacker.js', import.meta.url),
);

export interface Conditions {
  readonly env: Env;
  /** Whether the attacker runs at the lowest priority. */
  readonly attackerYields: boolean;
  /** How long the hub may take to let a new device in. */
  readonly newcomerMs: number;
}

/**
 * Nothing is measured: the attacker gets its turns like everybody else. At the lowest priority a busy host would let it
 * stand still, and the attack would hardly begin.
 */
const UNMEASURED: Conditions = { env: {}, attackerYields: false, newcomerMs: WAIT_MS };
/** What tests switch off is as it is by default, and the attacker takes no CPU that the hub or the victim wants. */
const MEASURED: Conditions = {
  env: { DAT_OVERLOAD_LAG_MS: undefined },
  attackerYields: true,
  newcomerMs: 5000,
};

/** One attack for measuring what the victim notices; on a host that has nothing else to do. */
export function run(attack: Attack, row: RowName, times: Times): Promise<Result> {
  return runInTurn([attack], row, times, MEASURED);
}

/** Several attacks on one hub and beside one victim, one after the other. @param attacks at least one, all of one set-up */
export async function runInTurn(
  attacks: readonly Attack[],
  row: RowName,
  times: Times,
  conditions: Conditions = UNMEASURED,
): Promise<Result> {
  const attack = attacks[0]!;
  const directory = mkdtempSync(join(tmpdir(), 'dat-hostile-'));
  const keys = new KeyServer([]);
  keys.isUp = false;
  const keysUrl = await keys.start();
  const hub = await startHub(
    { ...conditions.env, ...envOf(attack, row, { directory, keys: keysUrl }) },
    attack.files === undefined ? {} : { files: attack.files },
  );
  try {
    return {
      attack: attacks.map(({ name }) => name).join(', '),
      row,
      ...(await beside(hub, attacks, row, times, conditions)),
      ...(Object.hasOwn(attack.env ?? {}, 'DAT_AUTH_JWKS_URL') && { keyRequests: keys.requests }),
      exitCode: await hub.stop(),
      hubErrors: hub.logs.filter(({ level = 0 }) => level >= ERROR_LEVEL).map(({ msg = '' }) => msg),
    };
  } finally {
    await hub.kill();
    await keys.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function envOf(attack: Attack, row: RowName, values: Readonly<Record<string, string>>): Env {
  const own = Object.entries(attack.env ?? {}).map(
    ([name, value]) => [name, value?.replace(/\{(\w+)\}/, (_, key: string) => values[key] ?? '')] as const,
  );
  return {
    DAT_MQTT_PORT: '0',
    DAT_LOG_LEVEL: 'warn',
    ...rows[row],
    ...(attack.needsTokens === true && { DAT_AUTH_JWT_SECRET: SECRET }),
    ...Object.fromEntries(own),
  };
}

async function beside(
  hub: HubProcess,
  attacks: readonly Attack[],
  row: RowName,
  { warmUpMs, beforeMs, attackMs }: Times,
  { attackerYields, newcomerMs }: Omit<Conditions, 'env'>,
): Promise<Pick<Result, 'victim' | 'hub' | 'attacker'>> {
  const attack = attacks[0]!;
  const token = (role: string, sub: string) =>
    attack.needsTokens === true ? tokenFor({ role, sub }) : Promise.resolve(undefined);
  const operator = await token('admin', 'operator');
  for (const { method, path, body } of attack.operators ?? []) {
    const { status, text } = await admin(hub.adminPort, method, path, { body, token: operator });
    if (status >= 300) throw new Error(`${method} ${path} was answered with ${status}: ${text}`);
  }
  const followers = Math.max(1, Number(rows[row].DAT_FANOUT_WORKERS));
  const tokens = await Promise.all(
    Array.from({ length: followers }, (_, n) => token('subscriber', followerId(n))),
  );
  const victim = await Victim.join({
    devicePort: hub.devicePort,
    subscriberPort: hub.subscriberPort,
    followers,
    deviceToken: await token('device', VICTIM),
    ...(attack.needsTokens === true && { subscriberTokens: tokens as string[] }),
  });
  await sleep(warmUpMs);
  victim.before();
  await sleep(beforeMs);
  const watch = new Watch({
    ...hub,
    newcomerMs,
    ...(attack.needsTokens === true && { token: (id) => tokenFor({ role: 'device', sub: id }) }),
  });
  victim.attackBegins();
  const notes = new Notes();
  for (const { name } of attacks) {
    const attacker = new AttackerProcess(name, hub, attackerYields);
    await attacker.began;
    await sleep(attackMs);
    const counts = Object.entries(await attacker.stop());
    if (!counts.some(([kind]) => kind === 'connections')) throw new Error(`${name} reached no listener`);
    for (const [kind, count] of counts) notes.add(kind, count);
  }
  victim.attackEnds();
  const report = await victim.report();
  return { victim: report, hub: await watch.stop(), attacker: notes.counts };
}

type Told = 'begun' | { readonly notes?: NoteCounts; readonly failure?: string };

class AttackerProcess {
  /** Settles when its process has started and the attack is under way. */
  readonly began: Promise<void>;
  readonly #report: Promise<NoteCounts>;
  readonly #attack: string;
  readonly #child;

  constructor(attack: string, { devicePort, subscriberPort, adminPort, mqttPort }: Target, yields: boolean) {
    const child = fork(ATTACKER, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#attack = attack;
    this.#child = child;
    child.once('spawn', () => {
      if (yields) setPriority(child.pid ?? 0, constants.priority.PRIORITY_LOW);
      child.send({ attack, target: { devicePort, subscriberPort, adminPort, mqttPort } });
    });
    this.#report = new Promise((resolve, reject) => {
      child.on('message', (told: Told) => {
        if (told === 'begun') return;
        if (told.notes !== undefined) resolve(told.notes);
        else reject(new Error(`the attacker failed: ${told.failure}`));
      });
      child.once('error', reject);
      child.once('exit', (code, signal) =>
        reject(new Error(`the attacker of ${attack} ended with ${code ?? signal}`)),
      );
    });
    this.#report.catch(() => {}); // whoever stops it hears of it
    const begun = new Promise<void>((resolve) => {
      child.on('message', (told: Told) => {
        if (told === 'begun') resolve();
      });
    });
    this.began = Promise.race([begun, this.#report.then(() => {})]);
  }

  async stop(): Promise<NoteCounts> {
    if (this.#child.connected) this.#child.send('stop');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new Error(`the attacker of ${this.#attack} did not end within ${STOP_MS} ms`)),
        STOP_MS,
      );
    });
    try {
      return await Promise.race([this.#report, late]);
    } finally {
      clearTimeout(timer);
      this.#child.kill('SIGKILL');
    }
  }
}
