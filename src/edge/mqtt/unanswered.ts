/** Packet ids of one client's events on their way to the owner. Each is answered exactly once, whatever happens. */

/** Events that a new owner has not answered after this time are considered lost, ms. */
const LOST_AFTER_MS = 5000;

export class Unanswered {
  /** With the session that published the event; made with the first: most clients only read. */
  #sessions: Map<number, number> | undefined;
  /** How many more events have a packet id of these: MQTT forbids that, but each is answered. */
  #further: Map<number, number> | undefined;
  /** Told of an event that will not be answered. */
  readonly #lost: (packetId: number) => void;
  #suspected: { readonly atMs: number; readonly packetIds: Set<number> } | undefined;

  constructor(lost: (packetId: number) => void) {
    this.#lost = lost;
  }

  has(packetId: number): boolean {
    return this.#sessions?.has(packetId) === true;
  }

  add(packetId: number, session: number): void {
    this.#sessions ??= new Map();
    if (this.#sessions.has(packetId)) {
      this.#further ??= new Map();
      this.#further.set(packetId, (this.#further.get(packetId) ?? 0) + 1);
    }
    this.#sessions.set(packetId, session);
  }

  /** The owner has answered. @returns whether it was waited for */
  answered(packetId: number): boolean {
    if (this.#isOfFurther(packetId)) return true;
    this.#suspected?.packetIds.delete(packetId); // from here on the id is another event's
    return this.#sessions?.delete(packetId) ?? false;
  }

  /** None of this session's will be answered. */
  lose(session: number): void {
    for (const [packetId, its] of [...(this.#sessions ?? [])]) if (its === session) this.#lose(packetId);
  }

  /** Another owner has taken over: what is not answered soon was in the hands of the one before. @param now hub clock, ms */
  ownerReplaced(now: number): void {
    if (this.#sessions === undefined) return;
    this.#suspected = { atMs: now + LOST_AFTER_MS, packetIds: new Set(this.#sessions.keys()) };
  }

  /** @param now hub clock, ms */
  tick(now: number): void {
    if (this.#suspected === undefined || now < this.#suspected.atMs) return;
    const { packetIds } = this.#suspected;
    this.#suspected = undefined;
    for (const packetId of packetIds) this.#lose(packetId);
  }

  #isOfFurther(packetId: number): boolean {
    const count = this.#further?.get(packetId) ?? 0;
    if (count > 1) this.#further!.set(packetId, count - 1);
    return count > 1 || this.#further?.delete(packetId) === true;
  }

  #lose(packetId: number): void {
    while (this.answered(packetId)) this.#lost(packetId);
  }
}
