/**
 * Compaction on a thread of its own: the asking side.
 *
 * Always true: the worker is started with the first request and ended by `close`, with whatever it was doing; it does not
 * keep the process alive. One request is under way at a time.
 */

import { Worker } from 'node:worker_threads';
import { assert } from '../protocol/assert.ts';
import type { WorkerAnswer, WorkerRequest } from './cleaner-messages.ts';
import { errorOf } from './cleaner-messages.ts';
import type {
  CompactionEngine,
  CompactionJob,
  CompactionStatistics,
  MapSummary,
  SourceSegment,
} from './compaction-types.ts';
import { CompactionAborted } from './compaction-types.ts';

interface Waiting {
  readonly resolve: (answer: WorkerAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** Beside this file, compiled or not as this file is. */
const WORKER_FILE = import.meta.url.endsWith('.ts') ? './cleaner-worker.ts' : './cleaner-worker.js';

export class ThreadedCompaction implements CompactionEngine {
  #worker: Worker | null = null;
  #waiting: Waiting | null = null;
  #isClosed = false;

  async begin(job: CompactionJob): Promise<MapSummary> {
    const answer = await this.#ask({ kind: 'begin', job });
    assert(answer.kind === 'mapped', 'the beginning of a compaction is answered by its map');
    return answer.summary;
  }

  async cleanGroup(group: readonly SourceSegment[]): Promise<CompactionStatistics> {
    const answer = await this.#ask({ kind: 'group', group });
    assert(answer.kind === 'copied', 'a group is answered by its statistics');
    return answer.statistics;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
    this.#fail(new CompactionAborted());
  }

  async #ask(request: WorkerRequest): Promise<WorkerAnswer> {
    if (this.#isClosed) throw new CompactionAborted();
    assert(this.#waiting === null, 'a compaction has one request under way');
    const worker = this.#worker ?? this.#start();
    const answer = await new Promise<WorkerAnswer>((resolve, reject) => {
      this.#waiting = { resolve, reject };
      worker.postMessage(request);
    });
    if (answer.kind === 'failed') throw errorOf(answer.failure);
    return answer;
  }

  #start(): Worker {
    const worker = new Worker(new URL(WORKER_FILE, import.meta.url), { name: 'sordini-cleaner' });
    worker.on('message', (answer: WorkerAnswer) => {
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting?.resolve(answer);
    });
    worker.on('error', (error: Error) => this.#fail(error));
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = null;
      this.#fail(new CompactionAborted());
    });
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }
}
