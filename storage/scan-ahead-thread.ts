/**
 * Looking at segments ahead of recovery in workers: the starting side.
 *
 * Always true: a worker ends by itself when nothing is left to claim, does not keep the process alive, and its failure
 * is nobody's: recovery does not wait for it.
 */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ScanAheadJob, ScanHelpers } from './scan-ahead.ts';

/** Beside this file, compiled or not as this file is. */
const WORKER_FILE = import.meta.url.endsWith('.ts') ? './scan-ahead-worker.ts' : './scan-ahead-worker.js';

/** More of them find a disk, or the memory, that gives no more. */
const MAX_HELPERS = 3;

/** One takes some 30 ms until it begins, in which this thread checks more than this. */
const BYTES_PER_HELPER = 64 * 1024 * 1024;

/** Workers, one for each processor that recovery leaves idle; none where it has the only one. */
export function threadedScans(workerFile = new URL(WORKER_FILE, import.meta.url)): ScanHelpers {
  const most = Math.min(MAX_HELPERS, availableParallelism() - 1);
  return {
    countFor: (bytes) => Math.min(most, Math.floor(bytes / BYTES_PER_HELPER)),
    start(job: ScanAheadJob) {
      try {
        const worker = new Worker(workerFile, { name: 'sordini-recovery', workerData: job });
        worker.on('error', () => {});
        worker.unref();
      } catch {
        // A thread that could not be had; recovery does it all itself.
      }
    },
  };
}
