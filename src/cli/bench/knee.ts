/** Finds the highest rate that a hub holds: doubles the rate until a threshold is missed, then halves the distance. */
import type { Outcome } from './outcome.ts';

export interface KneeStep {
  readonly outcome: Outcome;
  /** Why the step does not count as held; empty when it does. */
  readonly missed: readonly string[];
}

export interface Knee {
  readonly steps: readonly KneeStep[];
  /** The highest rate that held, events per second of each device; undefined when not even the first did. */
  readonly held: KneeStep | undefined;
  /** `generator`: the hub may well hold more. */
  readonly limit: 'hub' | 'generator' | 'highest rate';
}

export interface KneeOptions {
  /** Events per second of each device. */
  readonly firstRate: number;
  readonly highestRate: number;
  /** The precision of the knee: a rate that was missed, divided by one that held. Default: 1.1. */
  readonly precision?: number;
  play(rate: number): Promise<Outcome>;
  missed(outcome: Outcome): readonly string[];
  /** Told of each step. */
  stepped(step: KneeStep): void;
}

const PRECISION = 1.1;

/** The highest rate that keeps to the thresholds, and every step on the way to it. */
export async function findKnee(options: KneeOptions): Promise<Knee> {
  const { firstRate, highestRate, precision = PRECISION } = options;
  const steps: KneeStep[] = [];
  let held: KneeStep | undefined;
  let missedRate = Number.POSITIVE_INFINITY;
  for (let rate = Math.min(firstRate, highestRate); ; ) {
    const step = await soundStep(rate, options, steps);
    if (step.missed.length === 0) held = step;
    // What the generator could not do says nothing about the hub.
    else if (step.outcome.generatorLimit !== undefined) return { steps, held, limit: 'generator' };
    else missedRate = rate;
    const heldRate = held?.outcome.load.rate ?? 0;
    if (heldRate === 0 || missedRate / heldRate <= precision) return { steps, held, limit: 'hub' };
    if (heldRate >= highestRate) return { steps, held, limit: 'highest rate' };
    rate =
      missedRate === Number.POSITIVE_INFINITY
        ? Math.min(heldRate * 2, highestRate)
        : Math.sqrt(heldRate * missedRate);
  }
}

/** A host has its moods: what was missed once is tried once more. */
async function soundStep(rate: number, options: KneeOptions, steps: KneeStep[]): Promise<KneeStep> {
  let step = await oneStep(rate, options, steps);
  if (step.missed.length > 0) step = await oneStep(rate, options, steps);
  return step;
}

async function oneStep(
  rate: number,
  { play, missed, stepped }: KneeOptions,
  steps: KneeStep[],
): Promise<KneeStep> {
  const outcome = await play(rate);
  const step = { outcome, missed: missed(outcome) };
  steps.push(step);
  stepped(step);
  return step;
}
