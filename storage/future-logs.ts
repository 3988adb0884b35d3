/**
 * Logs on their way to another log.dir (KIP-113): each grows as `<topic>-<partition>.<id>-future` beside the log that
 * serves, until it takes its place.
 *
 * Always true: a partition has at most one; a future log serves nobody and no checkpoint speaks of it. After a restart
 * its copy begins anew, because nothing tells how much of it reached the disk; only where it was going is kept.
 */

import type { Clock } from './clock.ts';
import type { Disk } from './disk.ts';
import { FUTURE_DIRECTORY_SUFFIX, joinPath, parseLogDirectoryName, renamedDirectoryName } from './layout.ts';
import { Log } from './log.ts';
import type { LogDirectory } from './log-directory.ts';
import type { LogEnvironment } from './log-types.ts';

export interface FutureLogsParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly environment: LogEnvironment;
  readonly uniqueId: () => string;
  /** Takes a directory that is not needed any more; it goes at the next tick or later. */
  readonly doom: (path: string, delayMs: number) => void;
}

/** A move that a restart cut short. */
export interface UnfinishedMove {
  readonly topic: string;
  readonly partition: number;
  /** The log.dir it was going to. */
  readonly directory: string;
}

export class FutureLogs {
  readonly #parts: FutureLogsParts;
  readonly #logs = new Map<string, { readonly log: Log; readonly directory: LogDirectory }>();
  #unfinished: UnfinishedMove[] = [];

  constructor(parts: FutureLogsParts) {
    this.#parts = parts;
  }

  get(topic: string, partition: number): { readonly log: Log; readonly directory: LogDirectory } | undefined {
    return this.#logs.get(keyOf(topic, partition));
  }

  /** Notes a future log that a former process left, and gives its files up. */
  found(directory: LogDirectory, name: string): void {
    this.#parts.doom(joinPath(directory.path, name), 0);
    const parsed = parseLogDirectoryName(name.slice(0, name.lastIndexOf('.')));
    if (parsed !== null) this.#unfinished.push({ ...parsed, directory: directory.path });
  }

  /** What a restart cut short, once. */
  takeUnfinished(): readonly UnfinishedMove[] {
    return this.#unfinished.splice(0);
  }

  /** Makes an empty log for what `source` holds. @throws {DiskError} */
  create(source: Log, directory: LogDirectory): Log {
    const { clock, environment, uniqueId } = this.#parts;
    const { topic, partition, topicId } = source;
    const name = renamedDirectoryName(topic, partition, uniqueId(), FUTURE_DIRECTORY_SUFFIX);
    const path = joinPath(directory.path, name);
    const identity = { topic, partition, topicId, directory: path };
    const log = new Log(identity, source.config, null, environment, clock.wallMs());
    log.makeFiles();
    this.#logs.set(keyOf(topic, partition), { log, directory });
    directory.futures.add(log);
    return log;
  }

  /** It is no future log any more: promoted, or given up. */
  release(topic: string, partition: number): { readonly log: Log; readonly directory: LogDirectory } | null {
    const found = this.get(topic, partition);
    if (found === undefined) return null;
    this.#logs.delete(keyOf(topic, partition));
    found.directory.futures.delete(found.log);
    return found;
  }

  /** Gives a move up: the copy goes. */
  drop(topic: string, partition: number): void {
    const found = this.release(topic, partition);
    if (found === null) return;
    found.log.abandon();
    if (found.directory.isOnline) this.#parts.doom(found.log.dir, 0);
  }

  /** At the end of the process: nothing of a copy is worth closing, but its files must be let go of. */
  abandonAll(): void {
    for (const { log } of this.#logs.values()) log.abandon();
  }
}

const keyOf = (topic: string, partition: number): string => `${topic}-${partition}`;
