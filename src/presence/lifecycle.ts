/**
 * The pure rules: what a subscription's status and a device's state become on each input. Runs on the owner thread
 * and in tests; docs/state-model.md prints the same tables.
 */

/** Status and reason of a row in one value: what the `rowState` column holds. */
export const RowState = {
  none: 0,
  allow: 1,
  active: 2,
  silent: 3,
  paused: 4,
  disconnected: 5,
  deny: 6,
} as const;
export type RowState = (typeof RowState)[keyof typeof RowState];
export type RowStateName = keyof typeof RowState;

export type SubscriptionStatus = 'allow' | 'active' | 'inactive' | 'deny';
export type InactiveReason = 'silent' | 'paused' | 'disconnected';

export const rowStateNames = [
  'none',
  'allow',
  'active',
  'silent',
  'paused',
  'disconnected',
  'deny',
] as const satisfies readonly RowStateName[];

/** The status of PROTOCOL section 5 that a row state is an instance of, by state number. */
const statuses: readonly (SubscriptionStatus | undefined)[] = [
  undefined,
  'allow',
  'active',
  'inactive',
  'inactive',
  'inactive',
  'deny',
];

/** @returns undefined for a row that does not exist */
export function statusOf(state: number): SubscriptionStatus | undefined {
  return statuses[state];
}

/** @returns undefined for a row that is not inactive */
export function reasonOf(state: number): InactiveReason | undefined {
  if (statuses[state] !== 'inactive') return undefined;
  return rowStateNames[state] as InactiveReason;
}

export const inputs = [
  'subscribe',
  'unsubscribe',
  'pause',
  'resume',
  'activity',
  'silence',
  'disconnect',
  'reconnect',
  'expire',
  'operatorAllow',
  'operatorActive',
  'operatorInactive',
  'operatorDeny',
  'operatorRemove',
] as const;
export type Input = (typeof inputs)[number];

type Row = Readonly<Record<Exclude<Input, 'expire' | 'unsubscribe'>, RowStateName>> & {
  /** `removed` means: `allow` when an operator's grant must outlive the subscription, else no row. */
  readonly unsubscribe: RowStateName | 'removed';
  readonly expire: RowStateName | 'removed';
};

/**
 * State × input → next state; equal states mean that nothing happens. `none` × subscribe is `active` only where the
 * rules or the default access allow it: the caller asks `maySubscribe` first.
 */
export const transitions: Readonly<Record<RowStateName, Row>> = {
  none: row('none', { subscribe: 'active', ...operator('active') }),
  allow: row('allow', { subscribe: 'active', ...operator('active') }),
  active: row('active', {
    unsubscribe: 'removed',
    pause: 'paused',
    silence: 'silent',
    disconnect: 'disconnected',
    expire: 'removed',
    ...operator('active', 'active'),
  }),
  silent: row('silent', {
    subscribe: 'active',
    unsubscribe: 'removed',
    pause: 'paused',
    resume: 'active',
    activity: 'active',
    disconnect: 'disconnected',
    reconnect: 'active',
    expire: 'removed',
    ...operator('active', 'silent'),
  }),
  paused: row('paused', {
    subscribe: 'active',
    unsubscribe: 'removed',
    resume: 'active',
    expire: 'removed',
    ...operator('active', 'paused'),
  }),
  disconnected: row('disconnected', {
    subscribe: 'active',
    unsubscribe: 'removed',
    pause: 'paused',
    reconnect: 'active',
    expire: 'removed',
    ...operator('active', 'disconnected'),
  }),
  deny: row('deny', operator('active')),
};

/** Everything that is not named keeps the state. */
function row(state: RowStateName, named: Partial<Row>): Row {
  const unchanged = Object.fromEntries(inputs.map((input) => [input, state])) as unknown as Row;
  return { ...unchanged, ...named };
}

/** An operator's word counts in every state; allowing a pair that subscribed already leaves it as it is. */
function operator(active: RowStateName, allow: RowStateName = 'allow'): Partial<Row> {
  return {
    operatorAllow: allow,
    operatorActive: active,
    operatorInactive: 'paused',
    operatorDeny: 'deny',
    operatorRemove: 'none',
  };
}

/** `transitions` as a lookup by numbers, once without and once with a grant that outlives the subscription. */
const compiled = [false, true].map((granted) =>
  rowStateNames.map((state) =>
    Object.fromEntries(
      inputs.map((input) => {
        const next = transitions[state][input];
        return [input, RowState[next === 'removed' ? (granted ? 'allow' : 'none') : next]];
      }),
    ),
  ),
) as unknown as readonly (readonly Readonly<Record<Input, RowState>>[])[];

/**
 * @param granted whether an operator's allow must outlive the subscription: the pair is denied without it
 * @returns the state after `input`
 */
export function nextRowState(state: number, input: Input, granted: boolean): RowState {
  return compiled[granted ? 1 : 0]![state]![input];
}

/**
 * Whether a subscribe is let through in this row state.
 * @param access what holds for the pair where no operator set it
 */
export function maySubscribe(state: number, access: 'allow' | 'deny'): boolean {
  if (state === RowState.deny) return false;
  return state !== RowState.none || access === 'allow';
}

/** What the `deviceState` column holds. */
export const DeviceState = { free: 0, online: 1, stale: 2, offline: 3 } as const;
export type DeviceState = (typeof DeviceState)[keyof typeof DeviceState];
export type DeviceStateName = Exclude<keyof typeof DeviceState, 'free'>;
export const deviceStateNames = ['free', 'online', 'stale', 'offline'] as const;

/** Why a device has its state: what the `stateReason` column holds. 0: it has never connected. */
export const StateReason = {
  none: 0,
  connected: 1,
  closed: 2,
  lost: 3,
  silent: 4,
  heard: 5,
  nodeLost: 6,
} as const;
export type StateReasonName = Exclude<keyof typeof StateReason, 'none' | 'nodeLost'>;
export const stateReasonNames = [
  undefined,
  'connected',
  'closed',
  'lost',
  'silent',
  'heard',
  'node lost',
] as const;

export const deviceInputs = ['connect', 'activity', 'silence', 'leave', 'lose', 'graceOver'] as const;
export type DeviceInput = (typeof deviceInputs)[number];

/**
 * Device state × input → next state. `leave` is a clean close, `lose` any other: a lost device keeps its state until
 * its grace is over, so that a return within it changes nothing.
 */
export const deviceTransitions: Readonly<
  Record<DeviceStateName, Readonly<Record<DeviceInput, DeviceStateName>>>
> = {
  online: {
    connect: 'online',
    activity: 'online',
    silence: 'stale',
    leave: 'offline',
    lose: 'online',
    graceOver: 'offline',
  },
  stale: {
    connect: 'online',
    activity: 'online',
    silence: 'stale',
    leave: 'offline',
    lose: 'stale',
    graceOver: 'offline',
  },
  offline: {
    connect: 'online',
    activity: 'offline',
    silence: 'offline',
    leave: 'offline',
    lose: 'offline',
    graceOver: 'offline',
  },
};

/** @throws Error for a row that is free: a bug in the caller */
export function nextDeviceState(state: DeviceState, input: DeviceInput): DeviceState {
  const name = deviceStateNames[state];
  if (name === 'free') throw new Error(`device input ${input} on a free row`);
  return DeviceState[deviceTransitions[name][input]];
}
