import { Command } from 'commander';
import { expect, it } from 'vitest';
import { type CheckedOptions, checkOptions } from '../../../src/cli/bench/option-checks.ts';
import { CliFailure } from '../../../src/cli/failure.ts';

const given: CheckedOptions = { rate: 10, subscribers: 20, duration: 10, warmup: 3 };

/** Checks options that the command line has, by name. */
function check(options: Partial<CheckedOptions> & Readonly<Record<string, unknown>>): void {
  const command = new Command('bench');
  for (const [name, value] of Object.entries(options)) command.setOptionValueWithSource(name, value, 'cli');
  checkOptions({ ...given, ...options }, command);
}

it.each([
  {},
  { findKnee: true, maxRate: 100, maxP99: 5 },
  { compare: 'before.json', tolerance: 10 },
  { mqttUrl: 'mqtt://hub' },
  { deviceUrl: 'ws://hub', subscriberUrl: 'ws://hub' },
  { subscribers: 0, maxLost: 3 },
  { rate: 99_999_999 / 13 },
])('takes %j', (options) => {
  expect(() => check(options)).not.toThrow();
});

it.each([
  [{ maxRate: 100 }, '--max-rate does nothing without --find-knee'],
  [{ tolerance: 10 }, '--tolerance does nothing without --compare'],
  [{ mqttUrl: 'mqtt://hub', deviceUrl: 'ws://hub' }, '--mqtt-url takes the place of --device-url'],
  [{ mqttUrl: 'mqtt://hub', context: 'site' }, '--mqtt-url takes the place of --context'],
  [{ subscribers: 0, maxP50: 5 }, '--max-p50 needs subscribers'],
  [{ subscribers: 0, findKnee: true }, '--find-knee needs subscribers'],
  [{ rate: 1e7 }, 'a device counts to 99999999 events at most'],
])('refuses %j', (options, why) => {
  expect(() => check(options)).toThrow(CliFailure);
  expect(() => check(options)).toThrow(why);
});
