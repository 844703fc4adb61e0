/** Numbers of requests on the wire: u32, from 1, not repeated as long as any request may wait. */

const LAST = 0xffffffff;

/** @returns a function that gives the next number, from 1; 0 is not a request */
export function requestNumbers(): () => number {
  let last = 0;
  return () => {
    last = last === LAST ? 1 : last + 1;
    return last;
  };
}
