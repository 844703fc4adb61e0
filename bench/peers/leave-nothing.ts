/** What a bench takes away however it ends: by itself, by an error or by a signal. */

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
/** A process that a signal ended, as shells say it. */
const EXIT_OF_SIGNAL = 128;

const left = new Set<() => void>();
let isArmed = false;

/** @param remove must do it at once: nothing runs after it @returns does it now, if it has not been done */
export function removeAtEnd(remove: () => void): () => void {
  arm();
  left.add(remove);
  return () => {
    if (left.delete(remove)) remove();
  };
}

function arm(): void {
  if (isArmed) return;
  isArmed = true;
  process.on('exit', removeAll);
  for (const [signal, number] of Object.entries(SIGNALS))
    process.once(signal, () => process.exit(EXIT_OF_SIGNAL + number));
}

/** The last one that came goes first: servers before their folders. */
function removeAll(): void {
  for (const remove of [...left].reverse()) {
    left.delete(remove);
    try {
      remove();
    } catch (error) {
      console.error(error); // the others are to go, too
    }
  }
}
