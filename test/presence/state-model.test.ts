import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  deviceInputs,
  deviceTransitions,
  inputs,
  maySubscribe,
  nextRowState,
  RowState,
  type RowStateName,
  rowStateNames,
  transitions,
} from '../../src/presence/lifecycle.ts';

/** Typed out from the wire contract, section 5: by state, the inputs that change it. */
const changes: Record<RowStateName, Partial<Record<(typeof inputs)[number], RowStateName>>> = {
  none: {
    subscribe: 'active',
    operatorAllow: 'allow',
    operatorActive: 'active',
    operatorInactive: 'paused',
    operatorDeny: 'deny',
  },
  allow: {
    subscribe: 'active',
    operatorActive: 'active',
    operatorInactive: 'paused',
    operatorDeny: 'deny',
    operatorRemove: 'none',
  },
  active: {
    unsubscribe: 'none',
    pause: 'paused',
    silence: 'silent',
    disconnect: 'disconnected',
    expire: 'none',
    operatorInactive: 'paused',
    operatorDeny: 'deny',
    operatorRemove: 'none',
  },
  silent: {
    subscribe: 'active',
    unsubscribe: 'none',
    pause: 'paused',
    resume: 'active',
    activity: 'active',
    disconnect: 'disconnected',
    reconnect: 'active',
    expire: 'none',
    operatorActive: 'active',
    operatorInactive: 'paused',
    operatorDeny: 'deny',
    operatorRemove: 'none',
  },
  paused: {
    subscribe: 'active',
    unsubscribe: 'none',
    resume: 'active',
    expire: 'none',
    operatorActive: 'active',
    operatorDeny: 'deny',
    operatorRemove: 'none',
  },
  disconnected: {
    subscribe: 'active',
    unsubscribe: 'none',
    pause: 'paused',
    reconnect: 'active',
    expire: 'none',
    operatorActive: 'active',
    operatorInactive: 'paused',
    operatorDeny: 'deny',
    operatorRemove: 'none',
  },
  deny: {
    operatorAllow: 'allow',
    operatorActive: 'active',
    operatorInactive: 'paused',
    operatorRemove: 'none',
  },
};

describe('the status of a subscription', () => {
  for (const state of rowStateNames) {
    for (const input of inputs) {
      const next = changes[state][input] ?? state;
      it(`${state} × ${input} → ${next}`, () => {
        expect(nextRowState(RowState[state], input, false)).toBe(RowState[next]);
      });
    }
  }

  it('falls back to allow where a grant must outlive the subscription', () => {
    for (const input of ['unsubscribe', 'expire'] as const) {
      expect(nextRowState(RowState.active, input, true)).toBe(RowState.allow);
      expect(nextRowState(RowState.deny, input, true)).toBe(RowState.deny);
    }
  });

  it('lets a subscribe through by the row, and without one by the default access', () => {
    expect(maySubscribe(RowState.none, 'allow')).toBe(true);
    expect(maySubscribe(RowState.none, 'deny')).toBe(false);
    expect(maySubscribe(RowState.allow, 'deny')).toBe(true);
    expect(maySubscribe(RowState.deny, 'allow')).toBe(false);
  });
});

describe('the state of a device', () => {
  it('changes as the contract says', () => {
    const table = Object.fromEntries(
      Object.entries(deviceTransitions).map(([state, row]) => [
        state,
        deviceInputs.map((input) => row[input]),
      ]),
    );
    // connect, activity, silence, leave, lose, graceOver
    expect(table).toEqual({
      online: ['online', 'online', 'stale', 'offline', 'online', 'offline'],
      stale: ['online', 'online', 'stale', 'offline', 'stale', 'offline'],
      offline: ['online', 'offline', 'offline', 'offline', 'offline', 'offline'],
    });
  });
});

describe('docs/state-model.md', () => {
  const page = readFileSync(new URL('../../docs/state-model.md', import.meta.url), 'utf8').replace(
    / +/g,
    ' ',
  );

  it('prints the same tables as the code', () => {
    const printed = (row: Readonly<Record<string, string>>, state: string, over: readonly string[]): string =>
      `| \`${state}\` | ${over.map((input) => (row[input] === state ? '·' : row[input])).join(' | ')} |`;
    for (const [state, row] of Object.entries(transitions))
      expect(page).toContain(printed(row, state, inputs));
    for (const [state, row] of Object.entries(deviceTransitions))
      expect(page).toContain(printed(row, state, deviceInputs));
  });
});
