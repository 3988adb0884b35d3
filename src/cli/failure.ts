/**
 * What a failed start or format means to its user: a sentence and an exit code.
 *
 * Always true: errors that say themselves what to do are passed on; anything unforeseen keeps its stack, since it is
 * a bug of ours.
 */
import { DiskError } from '../../storage/disk.ts';
import { ConfigError } from '../config/config-error.ts';
import { ExitCode, StartupError } from '../startup-error.ts';

export interface Failure {
  readonly exitCode: ExitCode;
  readonly sentence: string;
}

const DISK_ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there; change the owner of the directory or choose another with log.dirs',
  EPERM: 'this user may not write there; change the owner of the directory or choose another with log.dirs',
  EROFS: 'the file system is read-only; choose another directory with log.dirs',
  ENOSPC: 'the disk is full; make room or choose another directory with log.dirs',
  EDQUOT: 'the quota is used up; make room or choose another directory with log.dirs',
  ENOTDIR: 'a part of the path is a file; choose another directory with log.dirs',
  EEXIST: 'there is a file in the way; choose another directory with log.dirs',
  EMFILE: 'too many files are open; raise the limit (ulimit -n)',
};

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function explainFailure(error: unknown): Failure {
  if (error instanceof StartupError) return { exitCode: error.exitCode, sentence: error.message };
  if (error instanceof ConfigError) {
    return {
      exitCode: ExitCode.BAD_CONFIGURATION,
      sentence: error.message.replace('requirement failed: ', ''),
    };
  }
  if (error instanceof DiskError) {
    const advice = DISK_ADVICE[error.errno] ?? `the system said ${error.errno}`;
    return {
      exitCode: ExitCode.DIRECTORY_UNUSABLE,
      sentence: `The path ${error.path} can't be used: ${advice}.`,
    };
  }
  // The network layer words its own sentence (ListenError); it is known here by its name, not by loading it.
  if (error instanceof Error && error.name === 'ListenError')
    return { exitCode: ExitCode.CANNOT_LISTEN, sentence: `${capitalised(error.message)}.` };
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exitCode: ExitCode.FATAL, sentence: `an unforeseen error ended the start: ${told}` };
}
