/**
 * What another Node process really holds in memory, as it counts it itself after a collection of garbage.
 *
 * Resident memory tells how V8 and the allocator keep pages that nobody uses, which differs from run to run; this tells
 * what the program still refers to. The process is started with `HeapProbe.env`, and asked by a signal.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.ts';

const FILE_VARIABLE = 'TEST_HEAP_PROBE_FILE';

/** Runs in the process before its program. Worker threads inherit it, and leave signals to the main one. */
const PROBE = `
  import { renameSync, writeFileSync } from 'node:fs';
  import { setFlagsFromString } from 'node:v8';
  import { runInNewContext } from 'node:vm';
  import { isMainThread } from 'node:worker_threads';
  if (isMainThread) {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc');
    const file = process.env.${FILE_VARIABLE};
    let count = 0;
    process.on('SIGUSR2', () => {
      collect();
      const { heapUsed, external } = process.memoryUsage();
      writeFileSync(file + '.new', JSON.stringify({ count: ++count, bytes: heapUsed + external }));
      renameSync(file + '.new', file);
    });
  }
`;

export class HeapProbe {
  readonly #directory = mkdtempSync(join(tmpdir(), 'sordini-heap-'));
  #count = 0;

  /** Of the process, with other options for its Node. */
  env(nodeOptions: string): Record<string, string> {
    const probe = `data:text/javascript,${encodeURIComponent(PROBE)}`;
    return { NODE_OPTIONS: `${nodeOptions} --import=${probe}`, [FILE_VARIABLE]: this.#file };
  }

  /** Bytes on the heap of the process and in its buffers, without garbage. */
  async bytesOf(pid: number): Promise<number> {
    const expected = ++this.#count;
    process.kill(pid, 'SIGUSR2');
    let read = { count: 0, bytes: 0 };
    await until(() => {
      try {
        read = JSON.parse(readFileSync(this.#file, 'utf8'));
      } catch {
        // There is none before the first answer.
      }
      return read.count === expected;
    });
    return read.bytes;
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#directory, 'bytes.json');
  }
}
