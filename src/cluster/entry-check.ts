/** Whether what another node says of a device may be believed, as far as its form goes. Pure. */
import { DeviceState } from '../presence/lifecycle.ts';
import { STATUS_CHARACTERS_MAX } from '../wire/device-frames.ts';

const EPOCH_CHARACTERS_MAX = 64;

/** '' is one where none need be given. */
export function isEpoch(text: string): boolean {
  return text.length <= EPOCH_CHARACTERS_MAX;
}

/** One of a device that there is. */
export function isState(state: number): state is Exclude<DeviceState, 0> {
  return state === DeviceState.online || state === DeviceState.stale || state === DeviceState.offline;
}

/** `state`, `epoch` and `status` as in a `HomeDevice`. */
export function isEntry({ state, epoch, status }: { state: number; epoch: string; status: string }): boolean {
  return isState(state) && epoch !== '' && isEpoch(epoch) && [...status].length <= STATUS_CHARACTERS_MAX;
}
