/**
 * librdkafka's own tests: its test-runner, built from the sources that the npm package @confluentinc/kafka-javascript
 * carries.
 *
 * Always true: everything is built in .cache and nothing is installed; the tests are run as they were published, one
 * process per test number, without those that need no broker.
 */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kafkaClasspath, kafkaVersion } from '../../kafka.ts';
import type { Found } from '../runtime.ts';
import { cached, find, hasCommand, must, run } from '../runtime.ts';

const PACKAGE = '@confluentinc/kafka-javascript';
const VERSION = '1.10.1';
const MUST_PASS = join(import.meta.dirname, 'must-pass.txt');
const BUILD_TIMEOUT_MS = 900_000;
const TEST_TIMEOUT_MS = 120_000;

export interface RunnerTest {
  readonly name: string;
  readonly isSlow: boolean;
  /** Is nothing but assertions about the clock. */
  readonly isTimed: boolean;
  /** Does nothing in quick mode, and so is run without it. */
  readonly isWhole: boolean;
  /** Skips itself where it was built without the headers of RapidJSON. */
  readonly needsRapidJson: boolean;
}

export interface TestRunner {
  /** Where the sources of the tests lie, which the tests expect to run in. */
  readonly dir: string;
}

/** The built test-runner. */
export function findTestRunner(): Promise<Found<TestRunner>> {
  return find(`the test-runner of librdkafka in ${PACKAGE} ${VERSION}`, async () => {
    for (const command of ['gcc', 'g++', 'make', 'tar']) {
      if (!(await hasCommand(command))) throw new Error(`there is no ${command}`);
    }
    const dir = await cached(`librdkafka-${VERSION}`, async (own) => {
      const options = { cwd: own, timeoutMs: BUILD_TIMEOUT_MS };
      const packed = await must('npm', ['pack', '--silent', `${PACKAGE}@${VERSION}`], options);
      await must('tar', ['xzf', packed.trim(), '--strip-components=3', 'package/deps/librdkafka'], options);
      await must('./configure', ['--disable-lz4-ext'], options);
      await must('make', ['-j2', 'libs'], options);
      await must('make', ['-j2', '-C', 'tests', 'build'], options);
    });
    return { dir: join(dir, 'tests') };
  });
}

/** The tests that need a broker and that Sordini must pass. Only grows. */
export function runnerMustPass(): RunnerTest[] {
  return readFileSync(MUST_PASS, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = '', ...marks] = line.split(' ');
      return {
        name,
        isSlow: marks.includes('slow'),
        isTimed: marks.includes('timed'),
        isWhole: marks.includes('whole'),
        needsRapidJson: marks.includes('rapidjson'),
      };
    });
}

export const numberOf = (test: RunnerTest): string => test.name.slice(0, 4);

/** Some tests call the command lines of a Kafka distribution, by its folder. False when Apache Kafka can't be had. */
export async function writeKafkaPath(dir: string): Promise<boolean> {
  const classpath = await kafkaClasspath();
  if (classpath === null) return false;
  mkdirSync(join(dir, 'bin'), { recursive: true });
  const java = 'java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto';
  const commands = {
    'kafka-topics.sh': 'org.apache.kafka.tools.TopicCommand',
    'kafka-acls.sh': 'kafka.admin.AclCommand',
  };
  for (const [name, mainClass] of Object.entries(commands)) {
    const file = join(dir, 'bin', name);
    writeFileSync(file, `#!/bin/sh\nexec ${java} -cp '${classpath}' ${mainClass} "$@"\n`);
    chmodSync(file, 0o755);
  }
  return true;
}

export interface RunnerResult {
  /** Names of the tests of this number that passed, and did not skip themselves. */
  readonly passed: readonly string[];
  /** The tests skipped themselves for want of RapidJSON. */
  readonly lacksRapidJson: boolean;
  readonly output: string;
}

/** Runs the tests that have this one's number. `workDir` is for its configuration, and holds the folder that writeKafkaPath filled. */
export async function runRunner(
  runner: TestRunner,
  bootstrap: string,
  test: RunnerTest,
  workDir: string,
): Promise<RunnerResult> {
  const config = join(workDir, 'test.conf');
  writeFileSync(config, `bootstrap.servers=${bootstrap}\ntest.topic.random=true\n`);
  const { stdout, stderr } = await run('./test-runner', [...(test.isWhole ? [] : ['-Q']), '-L', '-p1'], {
    cwd: runner.dir,
    env: {
      LD_LIBRARY_PATH: `${join(runner.dir, '..', 'src')}:${join(runner.dir, '..', 'src-cpp')}`,
      RDKAFKA_TEST_CONF: config,
      TESTS: numberOf(test),
      TEST_KAFKA_VERSION: kafkaVersion,
      KAFKA_PATH: workDir,
      BROKERS: bootstrap,
      // Tells the tests that the machine is shared: assertions about elapsed time become warnings, waits get longer.
      ...(test.isTimed ? {} : { CI: 'true' }),
    },
    timeoutMs: TEST_TIMEOUT_MS,
  });
  const output = `${stdout}${stderr}`;
  const passed = [...output.matchAll(/\| *\W\[\d+m (\d{4}_\w+) +\| +PASSED \|/g)].map(
    ([, name = '']) => name,
  );
  return { passed, lacksRapidJson: /RapidJSON >=[\d.]+ not available/.test(output), output };
}
