/**
 * What an owner leaves to the next one, besides the table. Main keeps a copy. It changes rarely, when MQTT clients come
 * and go, and changes are sent once a poll.
 */
import type { Will } from './requests.ts';

/** What the session of an absent MQTT client keeps. */
export interface KeptClient {
  readonly text: string;
  /** Hub clock, ms. */
  readonly untilMs: number;
}

export interface Estate {
  /** By client id. */
  readonly clients: Map<string, KeptClient>;
  /** By device id. */
  readonly wills: Map<string, Will>;
}

/** By id; undefined: the entry is gone. */
export interface EstateChanges {
  readonly clients: ReadonlyMap<string, KeptClient | undefined>;
  readonly wills: ReadonlyMap<string, Will | undefined>;
}

/** An estate with nothing in it. */
export function createEstate(): Estate {
  return { clients: new Map(), wills: new Map() };
}

/** Applies changes; undefined removes an entry. */
export function applyToEstate(estate: Estate, changes: EstateChanges): void {
  apply(estate.clients, changes.clients);
  apply(estate.wills, changes.wills);
}

function apply<Value>(to: Map<string, Value>, changes: ReadonlyMap<string, Value | undefined>): void {
  for (const [id, value] of changes) {
    if (value === undefined) to.delete(id);
    else to.set(id, value);
  }
}
