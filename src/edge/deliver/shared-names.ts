/** Device ids that many parts of a thread refer to: each is stored once, and has a small number while it is in use. */

export class SharedNames {
  readonly #numbers = new Map<string, number>();
  /** By number. */
  readonly #names: string[] = [];
  /** By number: how many uses it has. */
  // Stryker disable next-line ArrayDeclaration: what is at a number is set when it is taken
  readonly #uses: number[] = [];
  readonly #free: number[] = [];

  /** Names that are in use. */
  get size(): number {
    return this.#numbers.size;
  }

  /** @returns the name's number, which it keeps until every use was given back */
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

  /** @returns the name's number; -1 if it is not in use */
  numberOf(name: string): number {
    return this.#numbers.get(name) ?? -1;
  }

  /** @param number that is in use */
  nameOf(number: number): string {
    return this.#names[number]!;
  }

  /** Gives back one use of the number. */
  giveBack(number: number): void {
    this.#uses[number]! -= 1;
    if (this.#uses[number]! > 0) return;
    this.#numbers.delete(this.#names[number]!);
    if (this.#numbers.size === 0) this.#clear();
    else {
      // Stryker disable next-line StringLiteral: nobody asks for it; it is not to hold on to the name
      this.#names[number] = '';
      this.#free.push(number);
    }
  }

  /** Releases the memory after many names were in use. */
  #clear(): void {
    this.#names.length = 0;
    this.#uses.length = 0;
    this.#free.length = 0;
  }
}
