// Why the process can't run: a sentence for its user, with the mend, and the exit code that scripts can tell apart.
// Always true: the codes are those of the table in README.md, and none is ever given a second meaning.

export const ExitCode = {
  /** Stopped as asked: everything is on disk. */
  CLEAN: 0,
  /** A configuration that can't be used, or a command line that makes no sense. */
  BAD_CONFIGURATION: 1,
  /** Another process has the port, or the address is not of this machine. */
  CANNOT_LISTEN: 2,
  /** A data directory that can't be read or written. */
  DIRECTORY_UNUSABLE: 3,
  /** A data directory of another cluster or node, or one that is not formatted. */
  DIRECTORY_FOREIGN: 4,
  /** Files that hold the node's promises to its cluster (quorum-state, metadata log) are unreadable. */
  STATE_UNREADABLE: 5,
  /** The broker ended itself because of a failed assertion or a disk that gave up. */
  FATAL: 70,
  /** Asked a second time to stop, before the first stop was done. */
  IMPATIENT: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Thrown by whoever finds that the start can't succeed; main prints the sentence and exits with the code. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, sentence: string, options?: ErrorOptions) {
    super(sentence, options);
    this.exitCode = exitCode;
  }
}
