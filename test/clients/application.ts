/**
 * Starting the small applications of scripts/clients against a broker, and reading the facts that they print. Those that
 * exist for several clients do the same in each, and differ in how their languages print it. What they are to print is
 * what they print against Apache Kafka 3.7.0: with SORDINI_FULL=1 they run there, too.
 */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finished, Found } from '../../scripts/clients/runtime.ts';
import { run } from '../../scripts/clients/runtime.ts';
import { temporaryDirectory } from '../helpers/broker-process.ts';
import type { Served } from './sides.ts';
import { sides } from './sides.ts';

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

/** What each command of an application is to print. */
export interface ExpectedFacts {
  readonly admin: readonly string[];
  readonly produce: readonly string[];
  readonly group: readonly string[];
  /** After a restart of the broker. */
  readonly resume: readonly string[];
  readonly static: readonly string[];
  readonly transaction: readonly string[];
}

const GROUPS_BEGIN_AT_ONCE = { 'group.initial.rebalance.delay.ms': '0' };
const isFull = process.env['SORDINI_FULL'] === '1';

/** The tests of one application; they are skipped where its client can't be had. */
export function describeApplication(
  client: string,
  application: Found<Application>,
  expected: ExpectedFacts,
): void {
  const isMissing = 'missing' in application;
  if (isMissing) console.log(`skipped: ${application.missing}`);

  const wanted = sides(`an application on ${client}`, isFull);
  describe.skipIf(isMissing).each(wanted)(`an application on ${client} against $name`, ({ name, serve }) => {
    const dir = temporaryDirectory('application');
    const properties = GROUPS_BEGIN_AT_ONCE;
    let broker: Served;

    const factsOf = (...args: string[]): Promise<string[]> => {
      if (isMissing) throw new Error(application.missing);
      return facts(application.found, broker.bootstrap, ...args);
    };

    beforeAll(async () => {
      broker = await serve(dir, { properties });
    });

    afterAll(async () => {
      await broker.stop();
      rmSync(dir, { recursive: true, force: true, maxRetries: 3 });
    });

    test('administers topics, configurations and records', async () => {
      // Apache Kafka may answer metadata of a moment ago; ours never does.
      const found = (await factsOf('admin')).map((fact) =>
        name !== 'Sordini' && fact === 'grown 3' ? 'grown 5' : fact,
      );
      expect(found).toEqual(expected.admin);
    });

    test('produces with every acknowledgement and codec, and reads it all back in order', async () => {
      expect(await factsOf('produce')).toEqual(expected.produce);
    });

    test('shares partitions in a group and goes on from its offsets after a restart of the broker', async () => {
      expect(await factsOf('group')).toEqual(expected.group);
      await broker.stop();
      broker = await serve(dir, { port: broker.port, properties });
      expect(await factsOf('resume', '8')).toEqual(expected.resume);
    });

    test('has static members that come back to what they had, and fence their former selves', async () => {
      expect(await factsOf('static')).toEqual(expected.static);
    });

    test('sees of transactions what its isolation level lets it see', async () => {
      expect(await factsOf('transaction')).toEqual(expected.transaction);
    });
  });
}
