/** Events of a device that a subscriber will not get. */

export interface Gap {
  readonly device: string;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** The frame as JSON. No part of it needs escapes. */
export function gapFrame({ device, from, to, reason }: Gap): string {
  return `{"op":"gap","device":"${device}","from":${from},"to":${to},"reason":"${reason}"}`;
}
