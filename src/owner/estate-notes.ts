/** Collects changes to the owner's estate during a poll, until main is told. Owner thread only. */
import type { EstateChanges, KeptClient } from '../records/estate.ts';
import type { Will } from '../records/requests.ts';

export class EstateNotes {
  readonly #tell: (changes: EstateChanges) => void;
  #clients = new Map<string, KeptClient | undefined>();
  #wills = new Map<string, Will | undefined>();
  /** By client id: the session that it was given may still wait for room on its way to the client. */
  #given = new Map<string, { readonly hasBacklog: boolean }>();

  /** @param tell main applies the changes in this order */
  constructor(tell: (changes: EstateChanges) => void) {
    this.#tell = tell;
  }

  keep(client: string, kept: KeptClient): void {
    this.#given.delete(client);
    this.#clients.set(client, kept);
  }

  forget(client: string): void {
    this.#given.delete(client);
    this.#clients.set(client, undefined);
  }

  /**
   * The client has its kept session back once its link has no backlog. Until then another owner would give it again.
   */
  give(client: string, line: { readonly hasBacklog: boolean }): void {
    this.#given.set(client, line);
  }

  /** @param will undefined: the device no longer has one */
  will(device: string, will: Will | undefined): void {
    this.#wills.set(device, will);
  }

  /** Tells main about changes, if there are any. Call it after the records were made visible. */
  flush(): void {
    // Stryker disable next-line ConditionalExpression,EqualityOperator: without any, it is only dearer
    if (this.#given.size > 0) this.#forgetGiven();
    if (this.#clients.size === 0 && this.#wills.size === 0) return;
    this.#tell({ clients: this.#clients, wills: this.#wills });
    this.#clients = new Map();
    this.#wills = new Map();
  }

  #forgetGiven(): void {
    for (const [client, line] of this.#given) if (!line.hasBacklog) this.forget(client);
  }
}
