/** Whether the page that this runs in is hidden. Where there is no page, never. */

interface Page {
  readonly visibilityState: string;
  addEventListener(type: 'visibilitychange', listener: () => void): void;
  removeEventListener(type: 'visibilitychange', listener: () => void): void;
}

/** Whether this runs in a page. */
export function isPage(): boolean {
  return 'document' in globalThis;
}

/** Tells now and at every change. @returns a function that stops it; undefined where there is no page */
export function watchPage(tell: (isHidden: boolean) => void): (() => void) | undefined {
  const { document: page } = globalThis as unknown as { readonly document?: Page };
  if (page === undefined) return undefined;
  const look = (): void => tell(page.visibilityState === 'hidden');
  page.addEventListener('visibilitychange', look);
  look();
  return () => page.removeEventListener('visibilitychange', look);
}
