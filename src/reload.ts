/**
 * Reload: reads the config file, the certificate, the key files and the secrets' files again. First everything is read
 * and checked, then it takes effect; what is wrong leaves all as it was. What a part of the hub could not take then, the
 * next reload brings again. Main.
 */
import type { Logger } from 'pino';
import { readTokenConfig, type TokenConfig } from './access/keys.ts';
import { KeyError } from './key-error.ts';
import { pick, planReload } from './settings/reload.ts';
import type { SettingKey, Settings } from './settings/schema.ts';
import type { ExplainedSettings } from './settings.ts';
import { CERTIFICATE_EXPIRED, readTls, type Tls } from './transport/tls.ts';

export interface ReloadAnswer {
  /** Settings that took effect; of a file, also when only what is in it is another. */
  readonly changed: readonly SettingKey[];
  /** Settings with another value that take a restart. */
  readonly needRestart: readonly SettingKey[];
}

/** The settings as they are read again. */
export type ReloadSource = Pick<ExplainedSettings, 'settings' | 'problems' | 'rulesBrokenBy'> &
  Partial<Pick<ExplainedSettings, 'warningsOf'>>;

/** Nothing was changed; one line for each problem. */
export class ReloadRefused extends Error {
  override readonly name = 'ReloadRefused';

  constructor(problems: readonly string[]) {
    super(problems.join('; '));
  }
}

/** What was read is valid, but a part of the hub could not take it over; the next reload brings it again. */
export class ReloadIncomplete extends Error {
  override readonly name = 'ReloadIncomplete';

  constructor(cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`not every part of the hub has taken the changes over; reload again: ${why}`, { cause });
  }
}

/** What a reload changes beside the settings; absent: it is as it was. */
export interface Reloaded {
  readonly settings: Partial<Settings>;
  readonly tls: Tls | undefined;
  readonly tokens: TokenConfig | undefined;
}

export interface ReloaderDeps {
  /** In force. A reload changes them in place: whoever holds them reads the new ones. */
  readonly settings: Settings;
  readonly tls: Tls | undefined;
  readonly tokens: TokenConfig | undefined;
  load(): ReloadSource;
  readFile(path: string): string;
  readonly logger: Logger;
}

export class Reloader {
  readonly #deps: ReloaderDeps;
  readonly #followers: ((reloaded: Reloaded) => unknown)[] = [];
  /** What some part of the hub could not take the last time. */
  #missed: Change | undefined;
  #tls: Tls | undefined;
  #tokens: TokenConfig | undefined;
  /** Reloads wait for each other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(deps: ReloaderDeps) {
    this.#deps = deps;
    this.#tls = deps.tls;
    this.#tokens = deps.tokens;
  }

  /** Those in force, for a thread that starts. */
  get tokens(): TokenConfig | undefined {
    return this.#tokens;
  }

  /** The one in force, for a thread that starts. */
  get tls(): Tls | undefined {
    return this.#tls;
  }

  /**
   * @param follow makes a reload take effect in a part of the hub; the settings have changed when it is called. One that
   *   fails keeps no other from being called.
   */
  onReload(follow: (reloaded: Reloaded) => unknown): void {
    this.#followers.push(follow);
  }

  /**
   * @throws ReloadRefused when anything is wrong, Error while the hub still starts: nothing has changed then;
   *   ReloadIncomplete when a part of the hub could not take what is new
   */
  reload(): Promise<ReloadAnswer> {
    const reload = this.#last.then(() => this.#reload());
    this.#last = reload.catch(() => {});
    return reload;
  }

  async #reload(): Promise<ReloadAnswer> {
    const { logger } = this.#deps;
    const { answer, reloaded, warnings } = this.#read();
    Object.assign(this.#deps.settings, reloaded.settings);
    this.#tls = reloaded.tls ?? this.#tls;
    this.#tokens = reloaded.tokens ?? this.#tokens;
    for (const warning of warnings) logger.warn(warning);
    const failures: unknown[] = [];
    for (const follow of this.#followers) {
      try {
        await follow(reloaded);
      } catch (failure) {
        failures.push(failure);
      }
    }
    if (failures.length > 0) {
      this.#missed = { answer, reloaded, warnings: [] };
      const incomplete = new ReloadIncomplete(failures[0]);
      logger.error({ ...answer, err: incomplete }, 'a reload has not reached every part of the hub');
      throw incomplete;
    }
    this.#missed = undefined;
    logger.info(answer, 'reloaded');
    return answer;
  }

  #read(): Change {
    try {
      // In a cluster that is away a start may take long. What is not there yet would have the old keys and certificate.
      if (this.#followers.length === 0) throw new Error('the hub is still starting; ask again');
      const change = this.#prepare();
      return this.#missed === undefined ? change : both(this.#missed, change);
    } catch (error) {
      this.#deps.logger.error({ err: error }, 'a reload was refused; nothing has changed');
      throw error;
    }
  }

  #prepare(): Change {
    const { settings: inForce, load, readFile } = this.#deps;
    const { settings: loaded, problems, rulesBrokenBy, warningsOf = () => [] } = load();
    const plan = planReload(inForce, loaded);
    // What takes a restart stays as it is: the rules must hold with that, too.
    const wrong = problems.length > 0 ? problems : rulesBrokenBy(plan.settings);
    if (wrong.length > 0) throw new ReloadRefused(wrong);
    const tls = refusing(() => readTls(plan.settings, readFile));
    const tokens = refusing(() => readTokenConfig(plan.settings, readFile));
    const otherTls = tls?.cert !== this.#tls?.cert || tls?.key !== this.#tls?.key;
    const otherTokens = JSON.stringify(tokens) !== JSON.stringify(this.#tokens);
    const changed = new Set(plan.changed);
    if (tls?.cert !== this.#tls?.cert) changed.add('tlsCertFile');
    if (tls?.key !== this.#tls?.key) changed.add('tlsKeyFile');
    if (tokens?.publicKey !== this.#tokens?.publicKey) changed.add('authJwtPublicKeyFile');
    const isAnother = otherTls || changed.has('tlsCertFile') || changed.has('tlsKeyFile');
    return {
      answer: { changed: [...changed], needRestart: plan.needRestart },
      reloaded: {
        settings: pick(plan.settings, plan.changed),
        tls: isAnother ? tls : undefined,
        tokens: otherTokens ? tokens : undefined,
      },
      warnings: [
        ...warningsOf(plan.settings).filter((warning) => !warningsOf(inForce).includes(warning)),
        ...(isAnother && tls !== undefined && tls.expiresAtMs < Date.now() ? [CERTIFICATE_EXPIRED] : []),
      ],
    };
  }
}

interface Change {
  readonly answer: ReloadAnswer;
  readonly reloaded: Reloaded;
  /** What is new, accepted and probably not meant; for the log. */
  readonly warnings: readonly string[];
}

/** The newer change, with what the older one has beside it. */
function both(older: Change, newer: Change): Change {
  return {
    answer: {
      changed: [...new Set([...older.answer.changed, ...newer.answer.changed])],
      needRestart: newer.answer.needRestart,
    },
    reloaded: {
      settings: { ...older.reloaded.settings, ...newer.reloaded.settings },
      tls: newer.reloaded.tls ?? older.reloaded.tls,
      tokens: newer.reloaded.tokens ?? older.reloaded.tokens,
    },
    warnings: newer.warnings,
  };
}

/** @throws ReloadRefused instead of the KeyError */
function refusing<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw error instanceof KeyError ? new ReloadRefused([error.message]) : error;
  }
}
