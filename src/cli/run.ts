/**
 * Runs one command and gives its exit code.
 *
 * Always true: a command is loaded only when it is run, so that a start waits for nothing else.
 */
import { readFileSync } from 'node:fs';
import { ExitCode } from '../startup-error.ts';
import type { Command } from './arguments.ts';
import { USAGE } from './arguments.ts';
import { explainFailure } from './failure.ts';

function version(): string {
  // This file is src/cli/run.ts, or a part of some file in dist/.
  for (const path of ['../../package.json', '../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (name === 'sordini') return version;
    } catch {
      // The other place has it.
    }
  }
  return 'unknown';
}

async function randomUuid(): Promise<string> {
  const [{ makeUuid }, { randomBytes }] = await Promise.all([
    import('../../protocol/uuid.ts'),
    import('node:crypto'),
  ]);
  return makeUuid(randomBytes);
}

export async function runCommand(command: Command): Promise<number> {
  try {
    switch (command.name) {
      case 'help':
        process.stdout.write(USAGE);
        return ExitCode.CLEAN;
      case 'version':
        process.stdout.write(`sordini ${version()}\n`);
        return ExitCode.CLEAN;
      case 'random-uuid':
        process.stdout.write(`${await randomUuid()}\n`);
        return ExitCode.CLEAN;
      case 'refuse':
        process.stderr.write(`sordini: ${command.sentence}\n`);
        return ExitCode.BAD_CONFIGURATION;
      case 'format': {
        const { runFormat } = await import('./format.ts');
        return await runFormat(command, (line) => process.stdout.write(`${line}\n`));
      }
      case 'start': {
        const { runStart } = await import('./start.ts');
        return await runStart(command);
      }
    }
  } catch (error) {
    const { exitCode, sentence } = explainFailure(error);
    process.stderr.write(`sordini: ${sentence}\n`);
    return exitCode;
  }
}
