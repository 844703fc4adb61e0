/** Checks the form of what another node says about a device. Pure. */
import { DeviceState } from '../presence/lifecycle.ts';
import { STATUS_CHARACTERS_MAX } from '../wire/device-frames.ts';

const EPOCH_CHARACTERS_MAX = 64;

/** Also accepts '', which stands for no epoch. */
export function isEpoch(text: string): boolean {
  return text.length <= EPOCH_CHARACTERS_MAX;
}

/** Whether the number is the state of an existing device. */
export function isState(state: number): state is Exclude<DeviceState, 0> {
  return state === DeviceState.online || state === DeviceState.stale || state === DeviceState.offline;
}

/** `state`, `epoch` and `status` as in a `HomeDevice`. */
export function isEntry({ state, epoch, status }: { state: number; epoch: string; status: string }): boolean {
  return isState(state) && epoch !== '' && isEpoch(epoch) && [...status].length <= STATUS_CHARACTERS_MAX;
}
