/** A thread that ends TLS: bounds the connections that wait, obeys main, and ends. */
import type { MessagePort } from 'node:worker_threads';
import { type AdmissionMemory, AdmissionState } from '../access/admission-state.ts';
import { type FileBudget, waitingLimits } from '../access/open-files.ts';
import { systemClock } from '../clock.ts';
import { networkOf } from '../ip.ts';
import { UPGRADE_MS_MAX } from '../limits.ts';
import { Counter, Counters } from '../memory/counters.ts';
import { Heart } from '../memory/heartbeat.ts';
import { FromFront, type FromFrontCommand, ToFront, type ToFrontCommand } from '../records/commands.ts';
import { Arrivals } from '../transport/arrivals.ts';
import type { FrontPlace } from '../transport/tls-end.ts';
import { type Certificate, openTlsFront, type TlsFront } from '../transport/tls-front.ts';
import { startEdgeTimers } from './edge-timers.ts';

export interface TlsThreadOptions {
  readonly place: FrontPlace;
  readonly certificate: Certificate;
  /** How the process's open files are shared out. */
  readonly files: FileBudget;
  readonly admission: AdmissionMemory;
  /** By which main notices whether it runs. */
  readonly heartbeat: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  /** Commands from main. */
  readonly port: MessagePort;
}

/**
 * Runs until main closes it; ends if the address cannot be bound.
 * @param open listens for peers
 */
export async function runTlsThread(options: TlsThreadOptions, open = openTlsFront): Promise<void> {
  const { place, certificate, files, admission, heartbeat, port } = options;
  const counters = new Counters(options.counters);
  counters.takeOver(); // from a thread in whose place this one is
  const say = (message: FromFrontCommand): void => port.postMessage(message);
  const state = new AdmissionState(admission, 0);
  const arrivals = new Arrivals({
    limits: { ...waitingLimits(files, state), timeoutMs: UPGRADE_MS_MAX },
    clock: systemClock,
    networkOf,
    dropped: (why) => counters.add(why === 'timeout' ? Counter.upgradesTimeout : Counter.upgradesCrowded),
  });
  let front: TlsFront;
  try {
    front = await open({ ...place, certificate, arrivals });
  } catch (error) {
    say({ kind: FromFront.Refused, message: (error as Error).message });
    port.close();
    return;
  }
  const stopTimers = startEdgeTimers([], counters, new Heart(heartbeat, systemClock), () => {});
  port.on('message', (command: ToFrontCommand) => {
    obey(front, command);
    if (command.kind === ToFront.Certificate) say({ kind: FromFront.Certified });
    if (command.kind !== ToFront.Close) return;
    stopTimers();
    port.close();
  });
  say({ kind: FromFront.Ready, port: front.port });
}

function obey(front: TlsFront, command: ToFrontCommand): void {
  switch (command.kind) {
    case ToFront.Certificate:
      front.useTls(command.certificate);
      break;
    case ToFront.StopAccepting:
      front.stopAccepting();
      break;
    case ToFront.Close:
      front.close();
      break;
    default:
      throw new Error(`unknown command ${JSON.stringify(command satisfies never)}`);
  }
}
