/** A setting names a file, a key or a certificate that cannot be used; the message is one line. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
}
