import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { obeyer } from '../../src/owner/commands.ts';
import type { Owner } from '../../src/owner/owner.ts';
import { FromOwner, ToEdge, ToOwner, type ToOwnerCommand } from '../../src/records/commands.ts';

const open: MessagePort[] = [];

afterEach(() => {
  vi.restoreAllMocks();
  for (const port of open.splice(0)) port.close();
});

function channel(): MessageChannel {
  const both = new MessageChannel();
  open.push(both.port1, both.port2);
  return both;
}

/** What main has been sent, in order. */
function received(port: MessagePort): unknown[] {
  const all: unknown[] = [];
  for (;;) {
    const one = receiveMessageOnPort(port) as { message: unknown } | undefined;
    if (one === undefined) return all;
    all.push(one.message);
  }
}

/** An owner that notes what it is told, and main's side of its port. */
function setUp() {
  const did: string[] = [];
  const owner = {
    isWhole: true,
    operate: (command: object) => {
      did.push(`operate ${JSON.stringify(command)}`);
      return { ok: true, slot: 4 };
    },
    edgeGone: (edge: number) => did.push(`edge ${edge} gone`),
    leaveAll: () => did.push('leave all'),
  };
  const { port1, port2 } = channel();
  const bells = [{ close: () => did.push('old bell closed') }] as unknown as MessagePort[];
  const restored = { rows: 3 } as never;
  const obey = obeyer(owner as unknown as Owner, port1, bells, restored);
  const say = (command: ToOwnerCommand, ports: MessagePort[] = []): void => port2.postMessage(command, ports);
  return { did, owner, main: port2, bells, restored, obey, say };
}

describe('the owner thread', () => {
  it('says once that it is ready, and what it restored, when it is whole', () => {
    const { owner, main, obey, restored } = setUp();
    owner.isWhole = false;
    obey();
    expect(received(main)).toEqual([]);
    owner.isWhole = true;
    obey();
    obey();
    expect(received(main)).toEqual([{ kind: FromOwner.Ready, restored }]);
  });

  it('carries out the commands that wait, in order, answers them, and counts them', () => {
    const { did, main, obey, say } = setUp();
    const command = { kind: ToOwner.Terminate, device: 'dev-1' } as const;
    expect(obey()).toBe(0);
    received(main);
    say({ request: 7, command });
    say({ kind: ToOwner.EdgeGone, edge: 2, request: 8 });
    say({ kind: ToOwner.LeaveAll });
    expect(obey()).toBe(3);
    expect(did).toEqual([`operate ${JSON.stringify(command)}`, 'edge 2 gone', 'leave all']);
    expect(received(main)).toEqual([
      { kind: FromOwner.Reply, request: 7, result: { ok: true, slot: 4 } },
      { kind: FromOwner.Reply, request: 8, result: { ok: true } },
    ]);
  });

  it('stops at once when it is told to', () => {
    const { did, obey, say } = setUp();
    say({ kind: ToOwner.Stop });
    say({ kind: ToOwner.LeaveAll });
    expect([obey(), did]).toEqual([-1, []]);
  });

  it('takes the bell of an edge that started anew, and rings it for what it may have missed', () => {
    const { did, bells, obey, say } = setUp();
    const { port1, port2 } = channel();
    say({ kind: ToOwner.Bell, edge: 0, bell: port1 }, [port1]);
    expect([obey(), did]).toEqual([1, ['old bell closed']]);
    expect(received(port2)).toEqual([{ kind: ToEdge.Wake }]);
    open.push(bells[0]!);
    const first = channel();
    say({ kind: ToOwner.Bell, edge: 1, bell: first.port1 }, [first.port1]);
    expect(obey()).toBe(1);
    open.push(bells[1]!);
    expect(received(first.port2)).toEqual([{ kind: ToEdge.Wake }]);
  });

  it('throws or stands still when a test asks for it', () => {
    const { obey, say } = setUp();
    const wait = vi.spyOn(Atomics, 'wait').mockReturnValue('timed-out');
    say({ kind: ToOwner.Fault, stallMs: 40 });
    expect(obey()).toBe(1);
    expect(wait.mock.calls.map(([, index, value, ms]) => [index, value, ms])).toEqual([[0, 0, 40]]);
    say({ kind: ToOwner.Fault, stallMs: 0 });
    expect(obey).toThrow('a fault that was asked for');
  });

  it('knows no other command', () => {
    const { obey, say } = setUp();
    say({ kind: 99 } as never);
    expect(obey).toThrow('unknown command {"kind":99}');
  });
});
