/** The grammar of device and subscriber ids. */

/** The grammar itself, for schemas. */
export const ID = /^[A-Za-z0-9._:~-]{1,128}$/;

/** Whether the text is 1 to 128 of `A-Z a-z 0-9 . _ : ~ -`. Such an id is ASCII and needs no escaping in JSON. */
export function isId(text: string): boolean {
  return ID.test(text);
}
