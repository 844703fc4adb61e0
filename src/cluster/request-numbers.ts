/** Numbers of requests on the wire: u32, from 1, another one for as long as any request may wait. */

const LAST = 0xffffffff;

/** @returns gives the next number, from 1 on; 0 names no request */
export function requestNumbers(): () => number {
  let last = 0;
  return () => {
    last = last === LAST ? 1 : last + 1;
    return last;
  };
}
