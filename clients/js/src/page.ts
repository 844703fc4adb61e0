/** Tells whether the page that this runs in is hidden. Outside a page, it never is. */

interface Page {
  readonly visibilityState: string;
  addEventListener(type: 'visibilitychange', listener: () => void): void;
  removeEventListener(type: 'visibilitychange', listener: () => void): void;
}

/** Whether this runs in a page. */
export function isPage(): boolean {
  return 'document' in globalThis;
}

/** Calls `tell` now and at every change. @returns a function that stops it; undefined outside a page */
export function watchPage(tell: (isHidden: boolean) => void): (() => void) | undefined {
  const { document: page } = globalThis as unknown as { readonly document?: Page };
  if (page === undefined) return undefined;
  const look = (): void => tell(page.visibilityState === 'hidden');
  page.addEventListener('visibilitychange', look);
  look();
  return () => page.removeEventListener('visibilitychange', look);
}
