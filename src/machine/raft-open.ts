/**
 * `__cluster_metadata-0` on the log engine.
 *
 * Always true: what is found at start is on disk before the node counts or promises it (a process killed earlier may
 * have left records in the page cache alone); retention by time and size is off, snapshots alone move the log start.
 */

import { assert } from '../../protocol/assert.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { METADATA_TOPIC_ID } from '../../protocol/uuid.ts';
import type { Disk } from '../../storage/disk.ts';
import { joinPath, logDirectoryName, writePartitionMetadata } from '../../storage/layout.ts';
import type { LogEnvironment } from '../../storage/log.ts';
import { Log, NEW_LOG } from '../../storage/log.ts';
import type { LogConfig } from '../../storage/log-config.ts';
import { defaultLogConfig } from '../../storage/log-config.ts';
import { NoProducers } from '../../storage/producers.ts';
import type { RaftLogStore } from './raft-log.ts';
import { MAX_BATCH_BYTES } from './raft-log.ts';
import { METADATA_PARTITION, METADATA_TOPIC } from './raft-wire.ts';

/** What the log needs of its process; the rest of an environment has no meaning for this log. */
export type MetadataLogEnvironment = Omit<LogEnvironment, 'openProducers' | 'beforeTruncation'>;

export interface MetadataLogOptions {
  /** metadata.log.dir */
  readonly directory: string;
  /** metadata.log.segment.bytes */
  readonly segmentBytes: number;
  /** metadata.log.segment.ms */
  readonly segmentMs: number;
  readonly nowMs: number;
}

export function metadataLogConfig(
  options: Pick<MetadataLogOptions, 'segmentBytes' | 'segmentMs'>,
): LogConfig {
  return {
    ...defaultLogConfig,
    maxMessageBytes: MAX_BATCH_BYTES,
    segmentBytes: options.segmentBytes,
    segmentMs: options.segmentMs,
    retentionBytes: -1,
    retentionMs: -1,
  };
}

export const metadataLogDirectory = (directory: string): string =>
  joinPath(directory, logDirectoryName(METADATA_TOPIC, METADATA_PARTITION));

/** Opens the metadata log, making it where there is none. @throws {DiskError} */
export function openMetadataLog(
  environment: MetadataLogEnvironment,
  options: MetadataLogOptions,
): RaftLogStore {
  const directory = metadataLogDirectory(options.directory);
  const { disk } = environment;
  if (disk.status(directory) === null) {
    disk.makeDirectory(directory);
    writePartitionMetadata(disk, directory, METADATA_TOPIC_ID);
    disk.syncDirectoryNow(options.directory);
  }
  const identity = {
    topic: METADATA_TOPIC,
    partition: METADATA_PARTITION,
    topicId: METADATA_TOPIC_ID,
    directory,
  };
  const whole = {
    ...environment,
    // One writer, the Raft leader: there is no producer state to keep.
    openProducers: () => new NoProducers(),
    // No checkpoint tells of this log: each start reads it from its beginning.
    beforeTruncation: () => {},
  };
  const log = new Log(identity, metadataLogConfig(options), NEW_LOG, whole, options.nowMs);
  log.syncNow();
  return new MetadataLog(log, disk);
}

/**
 * Left free for what must not fail: votes, a new segment, the checkpoints. Records that would eat into it are refused
 * one by one; an append that Raft has agreed on and that does not fit would be the end of the node.
 */
const RESERVED_BYTES = 1024 * 1024;

class MetadataLog implements RaftLogStore {
  readonly #log: Log;
  readonly #disk: Disk;

  constructor(log: Log, disk: Disk) {
    this.#log = log;
    this.#disk = disk;
  }

  hasRoom(bytes: number): boolean {
    return this.#disk.space(this.#log.dir).usableBytes >= bytes + RESERVED_BYTES;
  }

  get startOffset(): number {
    return this.#log.logStartOffset;
  }

  get endOffset(): number {
    return this.#log.logEndOffset;
  }

  get sizeBytes(): number {
    return this.#log.sizeBytes;
  }

  get epochs() {
    return this.#log.epochs;
  }

  append(batches: Buffer, nowMs: number): void {
    // As a follower does: the leader's batches come with offsets and epoch in place.
    const { errorCode } = this.#log.appendAsFollower(batches, nowMs);
    assert(errorCode === ErrorCode.NONE, 'The metadata log takes what Raft has agreed on.');
  }

  read(offset: number, upTo: number, maxBytes: number): Buffer {
    const { errorCode, records } = this.#log.read(offset, { maxBytes, minOneBatch: true, upTo });
    assert(errorCode === ErrorCode.NONE, 'The metadata log reads what it holds.');
    const [first] = records;
    return first !== undefined && records.length === 1 ? first : Buffer.concat(records);
  }

  sync(): Promise<void> {
    return this.#log.sync();
  }

  truncateTo(offset: number, nowMs: number): void {
    this.#log.truncateTo(offset, nowMs);
  }

  restartAt(offset: number, nowMs: number): void {
    this.#log.truncateFullyAndStartAt(offset, nowMs);
  }

  advanceStart(offset: number, nowMs: number): void {
    this.#log.maybeIncrementLogStartOffset(offset);
    this.#log.deleteOldSegments(nowMs);
  }

  updateHighWatermark(offset: number): void {
    this.#log.updateHighWatermark(offset);
  }

  tidy(nowMs: number): Promise<void> {
    return this.#log.tidy(nowMs);
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
