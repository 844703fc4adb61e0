import { closeSync, openSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { processFigures } from '../../src/admin/process-figures.ts';

describe('the figures of the process', () => {
  it.runIf(process.platform === 'linux')('tell how many descriptors are open, and how many may be', () => {
    const before = processFigures(0);
    if (before.openDescriptors === undefined) return; // a kernel that does not tell
    const opened = Array.from({ length: 20 }, () => openSync('/dev/null', 'r'));
    const after = processFigures(0);
    for (const descriptor of opened) closeSync(descriptor);
    expect(after.openDescriptors).toBeGreaterThanOrEqual(before.openDescriptors + 20);
    expect(after.descriptorsMax).toBeGreaterThan(after.openDescriptors!);
  });

  it('tell when the process started, in seconds', () => {
    expect(processFigures(1_764_000_000_500).startTimeSeconds).toBe(1_764_000_000.5);
  });
});
