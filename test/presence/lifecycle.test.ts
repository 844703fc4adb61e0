import { describe, expect, it } from 'vitest';
import {
  DeviceState,
  deviceInputs,
  deviceStateNames,
  deviceTransitions,
  inputs,
  nextDeviceState,
  nextRowState,
  RowState,
  reasonOf,
  rowStateNames,
  StateReason,
  stateReasonNames,
  statusOf,
  transitions,
} from '../../src/presence/lifecycle.ts';

describe('the state of a row', () => {
  it('is a status of the contract, and a reason where that is inactive', () => {
    const told = rowStateNames.map((name) => [name, statusOf(RowState[name]), reasonOf(RowState[name])]);
    expect(told).toEqual([
      ['none', undefined, undefined],
      ['allow', 'allow', undefined],
      ['active', 'active', undefined],
      ['silent', 'inactive', 'silent'],
      ['paused', 'inactive', 'paused'],
      ['disconnected', 'inactive', 'disconnected'],
      ['deny', 'deny', undefined],
    ]);
  });

  it('has the number of its name', () => {
    expect(rowStateNames.map((name) => RowState[name])).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('is nothing for a number that is none', () => {
    expect([statusOf(7), reasonOf(7)]).toEqual([undefined, undefined]);
  });

  it('follows from the table, with a grant that must outlive the subscription and without', () => {
    for (const state of rowStateNames) {
      for (const input of inputs) {
        const next = transitions[state][input];
        expect(nextRowState(RowState[state], input, false)).toBe(
          RowState[next === 'removed' ? 'none' : next],
        );
        expect(nextRowState(RowState[state], input, true)).toBe(
          RowState[next === 'removed' ? 'allow' : next],
        );
      }
    }
  });
});

describe('the state of a device', () => {
  it('follows from the table', () => {
    for (const state of ['online', 'stale', 'offline'] as const) {
      for (const input of deviceInputs)
        expect(nextDeviceState(DeviceState[state], input)).toBe(DeviceState[deviceTransitions[state][input]]);
    }
  });

  it('cannot change where there is no device', () => {
    expect(() => nextDeviceState(DeviceState.free, 'connect')).toThrow(
      /^device input connect on a free row$/,
    );
  });

  it('has the number of its name, and so has its reason', () => {
    expect(deviceStateNames.map((name) => DeviceState[name])).toEqual([0, 1, 2, 3]);
    expect(stateReasonNames).toEqual([
      undefined,
      'connected',
      'closed',
      'lost',
      'silent',
      'heard',
      'node lost',
    ]);
    const { none, nodeLost, ...named } = StateReason;
    expect([none, stateReasonNames[nodeLost]]).toEqual([0, 'node lost']);
    for (const [name, number] of Object.entries(named)) expect(stateReasonNames[number]).toBe(name);
  });
});
