/** How a command of `dat` ends: its exit code, and one line on stderr that says what to do. */

/** As in sysexits.h, where that has a code for it. */
export const Exit = {
  ok: 0,
  /** The hub refused the request, or what was asked for does not exist. */
  failed: 1,
  usage: 64,
  /** The hub cannot be reached. */
  unavailable: 69,
  software: 70,
  /** The output cannot be written. */
  output: 74,
  /** A token is missing or was not accepted. */
  denied: 77,
  config: 78,
  interrupted: 130,
} as const;
export type ExitCode = (typeof Exit)[keyof typeof Exit];

export const exitMeanings: Readonly<Record<ExitCode, string>> = {
  [Exit.ok]: 'success; also Ctrl-C in a command that runs until you stop it',
  [Exit.failed]: 'the hub refused the request, the thing does not exist, or a threshold was missed',
  [Exit.usage]: 'wrong arguments (`dat serve` exits with 78)',
  [Exit.unavailable]: 'the hub cannot be reached; `dat serve`: a port is in use',
  [Exit.software]: '`dat serve`: a bug, or threads that died too often',
  [Exit.output]: 'the output cannot be written; `dat serve`: drained, but the last snapshot is lost',
  [Exit.denied]: 'a token is missing or was not accepted',
  [Exit.config]: 'wrong settings, key file or snapshot',
  [Exit.interrupted]: 'a second signal ended the drain; `dat bench`: interrupted',
};

/** Ends the command with one line on stderr. */
export class CliFailure extends Error {
  override readonly name = 'CliFailure';
  readonly exit: ExitCode;

  constructor(exit: ExitCode, message: string) {
    super(message);
    this.exit = exit;
  }
}
