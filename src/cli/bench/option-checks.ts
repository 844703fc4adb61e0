/** Which options of `dat bench` do not go together. Said before anything connects. */
import type { Command } from 'commander';
import { CliFailure, Exit } from '../failure.ts';
import { STAMPED_EVENTS_MAX } from './stamp.ts';

export interface CheckedOptions {
  readonly rate: number;
  readonly subscribers: number;
  readonly duration: number;
  readonly warmup: number;
  readonly findKnee?: boolean;
}

/** An option that does nothing without another. */
const companions: readonly (readonly [option: string, of: string, flag: string, ofFlag: string])[] = [
  ['maxRate', 'findKnee', '--max-rate', '--find-knee'],
  ['tolerance', 'compare', '--tolerance', '--compare'],
];
/** Each takes the place of the other: one of them would do nothing. */
const rivals: readonly (readonly [option: string, other: string, flag: string, otherFlag: string])[] = [
  ['mqttUrl', 'deviceUrl', '--mqtt-url', '--device-url'],
  ['mqttUrl', 'subscriberUrl', '--mqtt-url', '--subscriber-url'],
  ['mqttUrl', 'context', '--mqtt-url', '--context'],
];
/** What only deliveries show. */
const ofDeliveries: readonly (readonly [option: string, flag: string])[] = [
  ['findKnee', '--find-knee'],
  ['maxP50', '--max-p50'],
  ['maxP99', '--max-p99'],
  ['binary', '--binary'],
  ['batch', '--batch'],
];

/** @throws CliFailure when an option would do nothing, a threshold could not be missed, or events could not be counted */
export function checkOptions(options: CheckedOptions, command: Command): void {
  const isGiven = (option: string): boolean => command.getOptionValueSource(option) === 'cli';
  const refuse = (message: string): never => {
    throw new CliFailure(Exit.usage, message);
  };
  for (const [option, of, flag, ofFlag] of companions)
    if (isGiven(option) && !isGiven(of)) refuse(`${flag} does nothing without ${ofFlag}`);
  for (const [option, other, flag, otherFlag] of rivals)
    if (isGiven(option) && isGiven(other))
      refuse(`${flag} takes the place of ${otherFlag}: give one of them`);
  const { subscribers, rate, duration, warmup, findKnee } = options;
  if (subscribers === 0)
    for (const [option, flag] of ofDeliveries)
      if (isGiven(option)) refuse(`${flag} needs subscribers: without them nothing is delivered`);
  if (!findKnee && rate * (duration + warmup) > STAMPED_EVENTS_MAX)
    refuse(`--rate × (--duration + --warmup): a device counts to ${STAMPED_EVENTS_MAX} events at most`);
}
