/** What changes of an owner's estate in a poll, until main is told. Owner thread only. */
import type { EstateChanges, KeptClient } from '../records/estate.ts';
import type { Will } from '../records/requests.ts';

export class EstateNotes {
  readonly #tell: (changes: EstateChanges) => void;
  #clients = new Map<string, KeptClient | undefined>();
  #wills = new Map<string, Will | undefined>();
  /** By client id: what it was given may still wait for room on its way to it. */
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

  /** The client has back what was kept, once its line has no backlog: until then another owner gives it anew. */
  give(client: string, line: { readonly hasBacklog: boolean }): void {
    this.#given.set(client, line);
  }

  /** @param will undefined: the device has none any more */
  will(device: string, will: Will | undefined): void {
    this.#wills.set(device, will);
  }

  /** Tells main, if there is anything. After what was written has been made visible. */
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
