/** What is known about each followed device, for a page to render. Pure. */
import type { DeviceEvent, DeviceState, Snapshot } from './frames.ts';

export class States<Data> {
  readonly map = new Map<string, DeviceState<Data>>();
  readonly #changed = new Set<string>();

  snapshot({ device, state, lastSeen, deviceStatus }: Snapshot): void {
    const { lastMessage, lastStatus } = this.map.get(device) ?? {};
    this.#set({ device, state, lastSeen, deviceStatus, lastMessage, lastStatus });
  }

  /** @param isNewest whether it is the newest of its type */
  event(event: DeviceEvent<Data>, isNewest: boolean): void {
    const known = this.map.get(event.device);
    if (known === undefined) return;
    if (event.source === 'hub') {
      // The snapshot before a replay is newer than the replay.
      if (!event.replay) this.#set({ ...known, state: event.data.state });
      return;
    }
    const seen = { ...known, lastSeen: Math.max(known.lastSeen, event.at) };
    if (!isNewest || event.type === 'pong') this.#set(seen);
    else if (event.type === 'message') this.#set({ ...seen, lastMessage: event });
    else this.#set({ ...seen, lastStatus: event, deviceStatus: event.status });
  }

  delete(device: string): void {
    if (this.map.delete(device)) this.#changed.add(device);
  }

  /** The ids whose entries changed since the last call. */
  takeChanged(): readonly string[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  #set(state: DeviceState<Data>): void {
    this.map.set(state.device, state);
    this.#changed.add(state.device);
  }
}
