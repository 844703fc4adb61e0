/** Packet ids of one client's events that are on their way to the owner. Each is answered once, whatever happens. */

/** Events that the owner did not answer this long after another took its place are taken for lost, ms. */
const LOST_AFTER_MS = 5000;

export class Unanswered {
  /** With the session that published the event; made with the first: most clients only read. */
  #sessions: Map<number, number> | undefined;
  /** Told of an event that will not be answered. */
  readonly #lost: (packetId: number) => void;
  #suspected: { readonly atMs: number; readonly packetIds: readonly number[] } | undefined;

  constructor(lost: (packetId: number) => void) {
    this.#lost = lost;
  }

  add(packetId: number, session: number): void {
    this.#sessions ??= new Map();
    this.#sessions.set(packetId, session);
  }

  /** The owner has answered. @returns whether it was waited for */
  answered(packetId: number): boolean {
    return this.#sessions?.delete(packetId) ?? false;
  }

  /** None of this session's will be answered. */
  lose(session: number): void {
    for (const [packetId, its] of [...(this.#sessions ?? [])]) if (its === session) this.#lose(packetId);
  }

  /** Another owner has taken over: what is not answered soon was in the hands of the one before. @param now hub clock, ms */
  ownerReplaced(now: number): void {
    if (this.#sessions === undefined) return;
    this.#suspected = { atMs: now + LOST_AFTER_MS, packetIds: [...this.#sessions.keys()] };
  }

  /** @param now hub clock, ms */
  tick(now: number): void {
    if (this.#suspected === undefined || now < this.#suspected.atMs) return;
    const { packetIds } = this.#suspected;
    this.#suspected = undefined;
    for (const packetId of packetIds) this.#lose(packetId);
  }

  #lose(packetId: number): void {
    if (this.answered(packetId)) this.#lost(packetId);
  }
}
