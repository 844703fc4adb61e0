/**
 * A signal that Ctrl-C, or SIGTERM, aborts: the command ends in order. A second Ctrl-C ends it at once.
 * Every call returns the same one.
 */
export function interrupted(): AbortSignal {
  if (controller === undefined) {
    const made = new AbortController();
    controller = made;
    const abort = (): void => made.abort();
    process.once('SIGINT', abort).once('SIGTERM', abort);
  }
  return controller.signal;
}

let controller: AbortController | undefined;
