/**
 * franz-go's own tests of its client: the package pkg/kgo out of the Go module proxy, compiled to one program.
 *
 * Always true: the modules and Go's own caches stay in .cache; the tests are run as they were published.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Found } from '../runtime.ts';
import { CACHE_DIR, cached, find, hasCommand, must, run } from '../runtime.ts';

const VERSION = 'v1.22.2';
const PACKAGE = 'github.com/twmb/franz-go';
const MUST_PASS = join(import.meta.dirname, 'must-pass.txt');
/** As many as show every way of the tests; the published number is for machines of many cores. */
const RECORDS = 50_000;
const TIMEOUT_MS = 280_000;

const GO_MOD = ['module kgotests', '', 'go 1.26', '', `require ${PACKAGE} ${VERSION}`, ''].join('\n');

/** The program with the tests in it. */
export function findKgoTests(): Promise<Found<string>> {
  return find(`franz-go ${VERSION}`, async () => {
    if (!(await hasCommand('go', ['version']))) throw new Error('there is no go');
    const dir = await cached(`franz-go-${VERSION}`, async (own) => {
      writeFileSync(join(own, 'go.mod'), GO_MOD);
      const env = {
        GOMODCACHE: join(CACHE_DIR, 'go-modules'),
        GOCACHE: join(CACHE_DIR, 'go-build'),
        GOFLAGS: '-mod=mod -modcacherw',
      };
      const args = ['test', '-c', '-o', join(own, 'kgo.test'), `${PACKAGE}/pkg/kgo`];
      await must('go', args, { cwd: own, env, timeoutMs: TIMEOUT_MS });
    });
    return join(dir, 'kgo.test');
  });
}

/** Names of the tests that need a broker and that Sordini must pass, subtests by their whole path. Only grows. */
export function kgoMustPass(): string[] {
  return readFileSync(MUST_PASS, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

export interface KgoResult {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** The whole of what was printed. */
  readonly output: string;
}

/** Runs these tests, with what is under them, in one process, many at a time as they are written to be. */
export async function runKgoTests(
  program: string,
  bootstrap: string,
  names: readonly string[],
): Promise<KgoResult> {
  const tests = [...new Set(names.map((name) => name.split('/')[0]))].join('|');
  const { stdout, stderr } = await run(program, ['-test.v', '-test.run', `^(${tests})$`], {
    env: {
      KGO_SEEDS: bootstrap,
      KGO_TEST_RF: '1',
      KGO_TEST_RECORDS: String(RECORDS),
      KGO_LOG_LEVEL: 'none',
    },
    timeoutMs: TIMEOUT_MS,
  });
  const named = (result: string): string[] =>
    [...stdout.matchAll(new RegExp(`^ *--- ${result}: (\\S+) `, 'gm'))].map(([, name = '']) => name).sort();
  return { passed: named('PASS'), failed: named('FAIL'), output: `${stdout}${stderr}` };
}
