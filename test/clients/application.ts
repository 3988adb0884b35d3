/** Starting the small applications of scripts/clients against a broker, and reading the facts that they print. */
import { expect } from 'vitest';
import type { Finished } from '../../scripts/clients/runtime.ts';
import { run } from '../../scripts/clients/runtime.ts';

export interface Application {
  readonly command: string;
  /** Before the address of the broker. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 90_000;

/** The lines that a command of the application printed, without the last, `done`. */
export async function facts(
  application: Application,
  bootstrap: string,
  ...args: string[]
): Promise<string[]> {
  const { command, env = {} } = application;
  const finished = await run(command, [...application.args, bootstrap, ...args], {
    env,
    timeoutMs: TIMEOUT_MS,
  });
  return linesOf(finished);
}

function linesOf({ exitCode, stdout, stderr }: Finished): string[] {
  const lines = stdout.trim().split('\n');
  expect({ exitCode, last: lines.at(-1), stderr: exitCode === 0 ? '' : stderr }).toEqual({
    exitCode: 0,
    last: 'done',
    stderr: '',
  });
  return lines.slice(0, -1);
}
