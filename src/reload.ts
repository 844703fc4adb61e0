/**
 * Reload: reads the config file, the certificate, the key files and the secrets' files again. First everything is read
 * and checked, then it takes effect; what is wrong leaves all as it was. Main.
 */
import type { Logger } from 'pino';
import { readTokenConfig, type TokenConfig } from './access/keys.ts';
import { KeyError } from './key-error.ts';
import { pick, planReload } from './settings/reload.ts';
import type { SettingKey, Settings } from './settings/schema.ts';
import type { ExplainedSettings } from './settings.ts';
import { readTls, type Tls } from './transport/tls.ts';

export interface ReloadAnswer {
  /** Settings that took effect; of a file, also when only what is in it is another. */
  readonly changed: readonly SettingKey[];
  /** Settings with another value that take a restart. */
  readonly needRestart: readonly SettingKey[];
}

/** The settings as they are read again. */
export type ReloadSource = Pick<ExplainedSettings, 'settings' | 'problems' | 'rulesBrokenBy'>;

/** Nothing was changed; one line for each problem. */
export class ReloadRefused extends Error {
  override readonly name = 'ReloadRefused';

  constructor(problems: readonly string[]) {
    super(problems.join('; '));
  }
}

/** What a reload changes beside the settings; absent: it is as it was. */
export interface Reloaded {
  readonly settings: Partial<Settings>;
  readonly tls: Tls | undefined;
  readonly tokens: TokenConfig | undefined;
}

/** All is read and checked. */
interface Prepared {
  readonly answer: ReloadAnswer;
  readonly reloaded: Reloaded;
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

  /**
   * @param follow makes a reload take effect in a part of the hub; the settings have changed when it is called. What
   *   may fail comes first.
   */
  onReload(follow: (reloaded: Reloaded) => unknown): void {
    this.#followers.push(follow);
  }

  /**
   * @throws ReloadRefused when anything is wrong, Error while the hub still starts: nothing has changed then; Error when a
   *   part of the hub could not be reached: the next reload begins anew
   */
  reload(): Promise<ReloadAnswer> {
    const reload = this.#last.then(() => this.#reload());
    this.#last = reload.catch(() => {});
    return reload;
  }

  async #reload(): Promise<ReloadAnswer> {
    const { logger } = this.#deps;
    let prepared: Prepared;
    try {
      // In a cluster that is away a start may take long. What is not there yet would have the old keys and certificate.
      if (this.#followers.length === 0) throw new Error('the hub is still starting; ask again');
      prepared = this.#prepare();
    } catch (error) {
      logger.error({ err: error }, 'a reload was refused; nothing has changed');
      throw error;
    }
    const { answer, reloaded } = prepared;
    await this.#carryOut(reloaded);
    logger.info(answer, 'reloaded');
    return answer;
  }

  async #carryOut(reloaded: Reloaded): Promise<void> {
    const { settings, logger } = this.#deps;
    const before = { settings: { ...settings }, tls: this.#tls, tokens: this.#tokens };
    Object.assign(settings, reloaded.settings);
    this.#tls = reloaded.tls ?? this.#tls;
    this.#tokens = reloaded.tokens ?? this.#tokens;
    try {
      for (const follow of this.#followers) await follow(reloaded);
    } catch (error) {
      // So that the next reload finds the same changes, and tells them to all.
      Object.assign(settings, before.settings);
      this.#tls = before.tls;
      this.#tokens = before.tokens;
      logger.error({ err: error }, 'a reload did not reach every thread; reload again');
      throw error;
    }
  }

  #prepare(): Prepared {
    const { settings: inForce, load, readFile } = this.#deps;
    const { settings: loaded, problems, rulesBrokenBy } = load();
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
    };
  }
}

/** @throws ReloadRefused instead of the KeyError */
function refusing<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    throw error instanceof KeyError ? new ReloadRefused([error.message]) : error;
  }
}
