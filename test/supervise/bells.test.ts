import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { Bells } from '../../src/supervise/bells.ts';
import { eventually } from '../support/eventually.ts';

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const it of opened.splice(0)) it.close();
});

function hub(edges: number) {
  let woken = 0;
  const bells = new Bells(edges, () => {
    woken += 1;
  });
  opened.push(bells);
  return { bells, woken: () => woken };
}

/** What came out at the other end. */
function ring(owner: MessagePort, edge: MessagePort): unknown {
  opened.push(owner, edge);
  owner.postMessage('ring');
  return receiveMessageOnPort(edge)?.message;
}

describe('the bells', () => {
  it('of an owner that starts reach each edge that runs', () => {
    const { bells, woken } = hub(3);
    const delivered: MessagePort[] = [];
    opened.push(
      bells.forEdge(
        1,
        (end) => opened.push(end),
        (end) => void delivered.push(end),
      ),
    );
    const [main, first, second] = bells.forOwner();
    opened.push(main!);
    expect([woken(), second]).toEqual([1, undefined]);
    expect(ring(first!, delivered[0]!)).toBe('ring');
  });

  it('of an edge that starts are handed to the owner that there is', () => {
    const { bells } = hub(2);
    const told: MessagePort[] = [];
    const end = bells.forEdge(
      1,
      (other) => void told.push(other),
      () => {},
    );
    expect(ring(told[0]!, end)).toBe('ring');
  });

  it('of an edge that is gone are not made for the next owner', () => {
    const { bells } = hub(2);
    const delivered: MessagePort[] = [];
    opened.push(
      bells.forEdge(
        1,
        (end) => opened.push(end),
        (end) => void delivered.push(end),
      ),
    );
    bells.edgeGone(1);
    const [main, gone] = bells.forOwner();
    opened.push(main!);
    expect([gone, delivered]).toEqual([undefined, []]);
  });

  it('wake main for each owner anew, through the newest alone', async () => {
    const { bells, woken } = hub(1);
    const [first] = bells.forOwner();
    const [second] = bells.forOwner();
    opened.push(first!, second!, new MessageChannel().port1);
    expect(woken()).toBe(2);
    second!.postMessage('ring');
    await eventually('the second owner wakes it', () => woken() > 2);
    expect(woken()).toBe(3);
  });
});
