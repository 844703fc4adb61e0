/** Draws commands: few names, so that they meet. */
import type { Random } from '../support/random.ts';
import type { Command, Wishes } from './commands.ts';
import { ALL_TYPES, type Rule, type Terms } from './world.ts';

export const DEVICES = ['a.1', 'a.2', 'ab', 'b.1', 'a.never'] as const;
export const SUBSCRIBERS = ['s-1', 's-2', 's-3', 's-4', 's-never'] as const;
const FILTERS = ['a.*', 'a*', '*', 'b.*', 'none*'] as const;
/** They are named in requests and by operators, and never connect. */
const NEVER: ReadonlySet<string> = new Set(['a.never', 's-never']);

const weights: Readonly<Record<Command['do'], number>> = {
  connectDevice: 5,
  leaveDevice: 1.5,
  loseDevice: 1,
  publish: 12,
  operatorPublishes: 1,
  terminate: 0.5,
  connect: 5,
  wait: 2,
  recover: 5,
  drop: 3,
  kick: 0.4,
  subscribe: 12,
  unsubscribe: 4,
  pause: 2.5,
  resume: 2.5,
  pauseAll: 0.5,
  resumeAll: 1,
  allow: 1.5,
  activate: 1,
  hold: 0.7,
  deny: 1.5,
  remove: 1.5,
  vip: 0.7,
  rules: 1.2,
};

/** Where timers are short, whoever leaves costs the time until all of it has expired. */
const timedWeights = { ...weights, drop: 0.5, leaveDevice: 2.5, loseDevice: 1.5 };

export class Draw {
  readonly #random: Random;
  readonly #terms: Terms;
  readonly #kinds: readonly Command['do'][];
  #published = 0;

  constructor(random: Random, terms: Terms) {
    this.#random = random;
    this.#terms = terms;
    const weighed = Object.entries(terms.timers ? timedWeights : weights) as [Command['do'], number][];
    this.#kinds = weighed.flatMap(([kind, weight]) => Array.from({ length: weight * 10 }, () => kind));
  }

  /** @param allows whether the command makes sense now */
  next(allows: (command: Command) => boolean): Command {
    for (;;) {
      const command = this.#one();
      if (allows(command) && !isOfNever(command)) return command;
    }
  }

  #one(): Command {
    const random = this.#random;
    const kind = random.pick(this.#kinds);
    const device = random.pick(DEVICES);
    const subscriber = random.pick(SUBSCRIBERS);
    switch (kind) {
      case 'publish':
        return { do: kind, device, type: random.pick([...ALL_TYPES, 'message']), content: ++this.#published };
      case 'operatorPublishes':
        return { do: kind, device, content: ++this.#published };
      case 'subscribe':
        return { do: kind, subscriber, ...this.#subscribe() };
      case 'unsubscribe':
      case 'pause':
      case 'resume':
        return { do: kind, subscriber, names: this.#names() };
      case 'vip':
        return { do: kind, device, subscriber, vip: random.below(2) === 0 };
      case 'rules':
        return { do: kind, rules: Array.from({ length: random.below(4) }, () => this.#rule()) };
      default:
        return { do: kind, device, subscriber } as Command;
    }
  }

  #names(): string[] {
    const random = this.#random;
    const one = (): string => random.pick([...DEVICES, ...FILTERS]);
    return [...new Set(random.below(3) === 0 ? [one(), one()] : [one()])];
  }

  #subscribe(): { readonly names: readonly string[] } & Wishes {
    const random = this.#random;
    const names = this.#names();
    const types = random.pick([undefined, undefined, ['status'], ['message'], ['message', 'pong']] as const);
    const wishes = types === undefined ? {} : { types };
    // How many of the newest events a limit to types leaves, the contract does not say.
    const past = names.length > 1 ? 3 : random.below(types === undefined ? 4 : 2);
    if (past === 1 && this.#terms.history) return { names, ...wishes, last: true };
    if (past === 2 && this.#terms.history) return { names, history: 1 + random.below(6) };
    return { names, ...wishes };
  }

  #rule(): Rule {
    const random = this.#random;
    return {
      device: random.pick([...DEVICES, 'a.*', 'a*', '*']),
      subscriber: random.pick([...SUBSCRIBERS, 's-*', '*']),
      access: random.below(2) === 0 ? 'allow' : 'deny',
    };
  }
}

/** Whether one acts that never connects. */
function isOfNever(command: Command): boolean {
  switch (command.do) {
    case 'connectDevice':
      return NEVER.has(command.device);
    case 'connect':
    case 'wait':
    case 'recover':
      return NEVER.has(command.subscriber);
    default:
      return false;
  }
}
