/** Which connections are in which topic, for transports whose library has no topics. */
export class TopicMembers<Member> {
  readonly #members = new Map<string, Set<Member>>();

  join(topic: string, member: Member): void {
    const members = this.#members.get(topic);
    if (members === undefined) this.#members.set(topic, new Set([member]));
    else members.add(member);
  }

  leave(topic: string, member: Member): void {
    const members = this.#members.get(topic);
    if (members?.delete(member) && members.size === 0) this.#members.delete(topic);
  }

  /** @returns undefined when there is none */
  of(topic: string): ReadonlySet<Member> | undefined {
    return this.#members.get(topic);
  }
}
