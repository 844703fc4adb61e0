/** How a command of `dat` ends: exit codes, and one line that says what to do. */

/** After sysexits.h where that has a code for it. */
export const Exit = {
  ok: 0,
  /** The hub refused, or what was asked for is not there. */
  failed: 1,
  usage: 64,
  /** The hub cannot be reached. */
  unavailable: 69,
  /** A token is missing or not accepted. */
  denied: 77,
  software: 70,
  config: 78,
  interrupted: 130,
} as const;
export type ExitCode = (typeof Exit)[keyof typeof Exit];

export const exitMeanings: Readonly<Record<ExitCode, string>> = {
  [Exit.ok]: 'done; for a command that runs until it is ended, also Ctrl-C',
  [Exit.failed]: 'the hub refused, or what was asked for is not there',
  [Exit.usage]: 'wrong arguments of a command (of `serve`: 78)',
  [Exit.unavailable]: 'the hub cannot be reached; of `serve`: a port cannot be bound',
  [Exit.denied]: 'a token is missing or not accepted',
  [Exit.software]: 'of `serve`: threads died too often, or main met a bug',
  [Exit.config]: 'wrong settings, key or snapshot',
  [Exit.interrupted]: 'a second signal while draining',
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
