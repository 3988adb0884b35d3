/**
 * The worker's side of the cleaner: reads and writes segments on a thread of its own, at low priority.
 *
 * Always true: it only reads what the log has closed and only writes files named `.cleaned`; the log itself is never
 * touched here. One request is served at a time, from start to end. Loaded by cleaner-thread.ts alone.
 */

import { setPriority } from 'node:os';
import type { MessagePort } from 'node:worker_threads';
import { parentPort } from 'node:worker_threads';
import { assert } from '../protocol/assert.ts';
import { prepareCompression } from '../protocol/compression/index.ts';
import type { WorkerAnswer, WorkerRequest } from './cleaner-messages.ts';
import { failureOf } from './cleaner-messages.ts';
import type { Work } from './compaction.ts';
import { Compaction } from './compaction.ts';
import type { Disk } from './disk.ts';
import { openNodeDisk } from './disk.ts';
import { Throttle } from './throttle.ts';

/** Below the threads that serve clients, where the system gives a thread a priority of its own. */
const NICENESS = 10;

class CleanerWorker {
  readonly #disk: Disk = openNodeDisk();
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  #compaction: Compaction | null = null;
  #throttle: Throttle | null = null;

  answer(request: WorkerRequest): WorkerAnswer {
    try {
      if (request.kind === 'begin') {
        // The memory of the last one goes before that of the next is taken.
        this.#compaction = null;
        const { ioMaxBytesPerSecond, throttleAccount } = request.job.share;
        this.#throttle = new Throttle(ioMaxBytesPerSecond, throttleAccount);
        this.#compaction = new Compaction(this.#disk, request.job);
        return { kind: 'mapped', summary: this.#run(this.#compaction.buildMap()) };
      }
      assert(this.#compaction !== null, 'a group belongs to a compaction that has begun');
      return { kind: 'copied', statistics: this.#run(this.#compaction.cleanGroup(request.group)) };
    } catch (error) {
      return { kind: 'failed', failure: failureOf(error) };
    }
  }

  #run<T>(work: Work<T>): T {
    for (;;) {
      const startedMs = performance.now();
      const step = work.next();
      if (step.done === true) return step.value;
      // It rests for as long as it worked: half of the disk's time and of a processor's is always left to others.
      const workedMs = performance.now() - startedMs;
      const delayMs = Math.max(workedMs, this.#throttle?.delayMs(step.value) ?? 0);
      if (delayMs > 0) Atomics.wait(this.#sleeper, 0, 0, delayMs);
    }
  }
}

async function serve(port: MessagePort): Promise<void> {
  // Elsewhere than on Linux the whole process would be meant.
  if (process.platform === 'linux') setPriority(0, NICENESS);
  await prepareCompression();
  const worker = new CleanerWorker();
  port.on('message', (request: WorkerRequest) => port.postMessage(worker.answer(request)));
}

if (parentPort !== null) void serve(parentPort);
