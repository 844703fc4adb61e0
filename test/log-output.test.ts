import { describe, expect, it } from 'vitest';
import { LogOutput } from '../src/log-output.ts';

/** A file of which each write does what the test says: how many bytes it takes, or the code it fails with. */
function outputTo(behaviours: (number | string)[]) {
  let text = '';
  const output = new LogOutput(2, (_fd, bytes, offset) => {
    const behaviour = behaviours.shift() ?? Number.POSITIVE_INFINITY;
    if (typeof behaviour === 'string') throw Object.assign(new Error(behaviour), { code: behaviour });
    const taken = bytes.subarray(offset, offset + behaviour);
    text += Buffer.from(taken).toString();
    return taken.length;
  });
  return { output, text: () => text };
}

describe("the log's output", () => {
  it('writes a line that is taken in parts', () => {
    const { output, text } = outputTo([2, 1]);
    output.write('one\n');
    expect([text(), output.droppedLines]).toEqual(['one\n', 0]);
  });

  it.each(['ENOSPC', 'EPIPE', 'EIO'])(
    'drops and counts what cannot be written (%s), and says so later',
    (code) => {
      const { output, text } = outputTo([code, code]);
      output.write('one\n');
      output.write('two\n');
      output.write('three\n');
      expect(output.droppedLines).toBe(2);
      const [note, line] = text().split('\n');
      expect(JSON.parse(note ?? '')).toMatchObject({
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        lostLines: 2,
        msg: 'log lines were lost',
      });
      expect(line).toBe('three');
      output.write('four\n');
      expect(text().endsWith('three\nfour\n')).toBe(true);
    },
  );

  it('begins a line of its own after one that was torn', () => {
    const { output, text } = outputTo([2, 'ENOSPC']);
    output.write('one\n');
    output.write('two\n');
    expect(text().split('\n')[0]).toBe('on');
    expect(text().endsWith('\ntwo\n')).toBe(true);
  });

  it('waits a moment for a reader that stands still, and not again until it reads', () => {
    const { output, text } = outputTo([...Array<string>(22).fill('EAGAIN')]);
    output.write('one\n');
    output.write('two\n');
    expect(output.droppedLines).toBe(2);
    output.write('three\n');
    expect(text().endsWith('three\n')).toBe(true);
  });
});
