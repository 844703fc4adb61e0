/** A row of the presence table as the admin API shows it: what holds between a device and a subscriber. */

export interface Row {
  readonly subscriber: string;
  readonly status: string;
  readonly reason: string | null;
  /** Wall-clock ms of the hub, 0 for never. */
  readonly lastSeen: number;
  readonly vip: boolean;
  readonly connected: boolean;
}

export function statusOf({ status, reason }: Pick<Row, 'status' | 'reason'>): string {
  return reason === null ? status : `${status} (${reason})`;
}
