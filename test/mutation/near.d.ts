export function rank(testFile: string, mutated: string): number;
export function nearest<Item>(
  items: readonly Item[],
  fileOf: (item: Item) => string,
  mutated: string,
): readonly Item[];
export function isOfRootSource(testName: string, names: readonly string[]): boolean;
