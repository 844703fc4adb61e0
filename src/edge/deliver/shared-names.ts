/** Device ids that much of a thread refers to: each is kept once, and known by a small number while anybody uses it. */

export class SharedNames {
  readonly #numbers = new Map<string, number>();
  /** By number. */
  readonly #names: string[] = [];
  /** By number: how often it was taken and not given back. */
  readonly #uses: number[] = [];
  readonly #free: number[] = [];

  /** Names that are in use. */
  get size(): number {
    return this.#numbers.size;
  }

  /** @returns the name's number, which is its own until it was given back as often as it was taken */
  take(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) {
      this.#uses[known]! += 1;
      return known;
    }
    const number = this.#free.pop() ?? this.#names.length;
    this.#numbers.set(name, number);
    this.#names[number] = name;
    this.#uses[number] = 1;
    return number;
  }

  /** @returns undefined: nobody uses the name */
  numberOf(name: string): number | undefined {
    return this.#numbers.get(name);
  }

  /** @param number that is in use */
  nameOf(number: number): string {
    return this.#names[number]!;
  }

  /** One use of the number is over. */
  giveBack(number: number): void {
    this.#uses[number]! -= 1;
    if (this.#uses[number]! > 0) return;
    this.#numbers.delete(this.#names[number]!);
    if (this.#numbers.size === 0) this.#clear();
    else {
      this.#names[number] = '';
      this.#free.push(number);
    }
  }

  /** A mass of names leaves no memory behind. */
  #clear(): void {
    this.#names.length = 0;
    this.#uses.length = 0;
    this.#free.length = 0;
  }
}
