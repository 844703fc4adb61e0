/** What is known of each device that is followed, to render from. Pure. */
import type { DeviceEvent, DeviceState, Snapshot } from './frames.ts';

export class States<Data> {
  readonly map = new Map<string, DeviceState<Data>>();
  readonly #changed = new Set<string>();

  snapshot({ device, state, lastSeen, deviceStatus }: Snapshot): void {
    const { lastMessage, lastStatus } = this.map.get(device) ?? {};
    this.#set({ device, state, lastSeen, deviceStatus, lastMessage, lastStatus });
  }

  event(event: DeviceEvent<Data>): void {
    const known = this.map.get(event.device);
    if (known === undefined) return;
    if (event.source === 'hub') {
      // The snapshot before a replay is newer than what is replayed.
      if (!event.replay) this.#set({ ...known, state: event.data.state });
      return;
    }
    const lastSeen = Math.max(known.lastSeen, event.at);
    if (event.type === 'message' && isNewer(event, known.lastMessage)) {
      this.#set({ ...known, lastSeen, lastMessage: event });
    } else if (event.type === 'status' && isNewer(event, known.lastStatus)) {
      this.#set({ ...known, lastSeen, lastStatus: event, deviceStatus: event.status });
    } else this.#set({ ...known, lastSeen });
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

/** By number, and by time where the numbering has started anew. */
function isNewer(event: DeviceEvent, last: DeviceEvent | undefined): boolean {
  return last === undefined || event.seq > last.seq || event.at > last.at;
}
