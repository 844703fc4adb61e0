/** What the application wants to follow: ids and filters, with their options. Pure. */
import { type FollowOptions, isFilter } from './checks.ts';

export interface Follow {
  readonly options: FollowOptions;
  isPaused: boolean;
  /** The hub has answered to it. */
  isKnown: boolean;
}

export class Follows {
  readonly #follows = new Map<string, Follow>();
  readonly #filters = new Set<string>();

  /** Their order: ids first, since a filter must not take what an id is to go on with. */
  names(): string[] {
    const names = [...this.#follows.keys()];
    return [...names.filter((name) => !isFilter(name)), ...this.#filters];
  }

  get(name: string): Follow | undefined {
    return this.#follows.get(name);
  }

  set(name: string, options: FollowOptions): void {
    const isKnown = this.#follows.get(name)?.isKnown ?? false;
    this.#follows.set(name, { options, isPaused: false, isKnown });
    if (isFilter(name)) this.#filters.add(name);
  }

  delete(name: string): void {
    this.#follows.delete(name);
    this.#filters.delete(name);
  }

  /** The ids and filters that follow the device. */
  of(device: string): string[] {
    const filters = [...this.#filters].filter((filter) => matches(filter, device));
    return this.#follows.has(device) ? [device, ...filters] : filters;
  }
}

export function matches(name: string, device: string): boolean {
  return isFilter(name) ? device.startsWith(name.slice(0, -1)) : device === name;
}
