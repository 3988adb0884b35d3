/**
 * `__cluster_metadata-0` on the log engine.
 *
 *   recovery-point-offset-checkpoint    beside the segments, in Kafka's format: how far the log is committed and on disk.
 *   replication-offset-checkpoint       The same; what both say is believed, so that a flipped bit misleads nobody.
 *
 * Always true: what is found at start is on disk before the node counts or promises it (a process killed earlier may
 * have left records in the page cache alone); retention by time and size is off, snapshots alone move the log start.
 * Nothing is opened that raft-inspection.ts has not judged; what it found to mend is mended here, before the log is read.
 */

import { assert } from '../../protocol/assert.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import { METADATA_TOPIC_ID } from '../../protocol/uuid.ts';
import type { OffsetCheckpoint } from '../../storage/checkpoint.ts';
import {
  formatCheckpoint,
  overwriteOffsetCheckpoint,
  setOffset,
  writeOffsetCheckpoint,
} from '../../storage/checkpoint.ts';
import type { Disk } from '../../storage/disk.ts';
import { isPassing } from '../../storage/disk.ts';
import {
  joinPath,
  LEADER_EPOCH_FILE,
  logDirectoryName,
  readPartitionMetadata,
  writePartitionMetadata,
} from '../../storage/layout.ts';
import { Log } from '../../storage/log.ts';
import type { LogConfig } from '../../storage/log-config.ts';
import { defaultLogConfig } from '../../storage/log-config.ts';
import type { LogEnvironment } from '../../storage/log-types.ts';
import { NEW_LOG } from '../../storage/log-types.ts';
import { NoProducers } from '../../storage/producers.ts';
import { readSmallFile, replaceSmallFile } from '../../storage/small-file.ts';
import type { MetadataFindings } from './raft-inspection.ts';
import { COMMITTED_FILES, inspectMetadata } from './raft-inspection.ts';
import type { RaftLogStore } from './raft-log.ts';
import { MAX_BATCH_BYTES } from './raft-log.ts';
import { DAMAGED_SUFFIX } from './raft-snapshots.ts';
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
  /** What a look at the files gave, where one was taken already. */
  readonly findings?: MetadataFindings;
  /** Frees what is kept for the moment when the disk is full. */
  readonly makeRoom?: () => void;
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

/**
 * Opens the metadata log, making it where there is none.
 * @throws {StartupError} when committed metadata would be missing. @throws {DiskError}
 */
export function openMetadataLog(
  environment: MetadataLogEnvironment,
  options: MetadataLogOptions,
): RaftLogStore {
  const directory = metadataLogDirectory(options.directory);
  const { disk } = environment;
  const findings = options.findings ?? inspectMetadata(disk, directory);
  if (disk.status(directory) === null) {
    disk.makeDirectory(directory);
    writePartitionMetadata(disk, directory, METADATA_TOPIC_ID);
    disk.syncDirectoryNow(options.directory);
  } else {
    mend(disk, directory, findings);
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
  // All is read and synced anew; but what was found to be whole is not taken for a torn write.
  const leftBy = { ...NEW_LOG, soundEndOffset: findings.endOffset, mayHaveGaps: findings.startOffset > 0 };
  const log = new Log(identity, metadataLogConfig(options), leftBy, whole, options.nowMs);
  log.syncNow();
  const opened = new MetadataLog(log, disk, options.makeRoom);
  if (findings.startOffset > 0) {
    opened.updateHighWatermark(findings.startOffset);
    opened.advanceStart(findings.startOffset, options.nowMs);
  }
  return opened;
}

/** Puts right what was found: flipped bits, and small files that can be made anew. */
function mend(disk: Disk, directory: string, findings: MetadataFindings): void {
  for (const { path, position, bytes } of findings.mends) {
    const file = disk.open(path, false);
    try {
      file.write([bytes], position);
      file.syncNow();
    } finally {
      file.close();
    }
  }
  for (const path of findings.damagedSnapshots) disk.rename(path, path + DAMAGED_SUFFIX);
  if (findings.damagedSnapshots.length > 0) disk.syncDirectoryNow(directory);
  const metadata = readPartitionMetadata(disk, directory);
  if (metadata.status !== 'present' || metadata.topicId !== METADATA_TOPIC_ID) {
    writePartitionMetadata(disk, directory, METADATA_TOPIC_ID);
  }
  const path = joinPath(directory, LEADER_EPOCH_FILE);
  const told = formatCheckpoint(findings.epochs.map(({ epoch, startOffset }) => `${epoch} ${startOffset}`));
  const written = readSmallFile(disk, path);
  if (written !== null && !written.equals(told)) replaceSmallFile(disk, path, told);
}

/**
 * Left free for what must not fail: votes, a new segment, the checkpoints. Records that would eat into it are refused
 * one by one; an append that Raft has agreed on and that does not fit would be the end of the node.
 */
const RESERVED_BYTES = 1024 * 1024;
/** The same for records that keep what there is in order, or make it less. */
const UPKEEP_RESERVED_BYTES = 64 * 1024;

class MetadataLog implements RaftLogStore {
  readonly #log: Log;
  readonly #disk: Disk;
  readonly #makeRoom: () => void;
  /** As last noted for the next start. */
  #committed = 0;
  /** That is being noted now. */
  #noting: Promise<void> | null = null;

  constructor(log: Log, disk: Disk, makeRoom: () => void = () => {}) {
    this.#log = log;
    this.#disk = disk;
    this.#makeRoom = makeRoom;
  }

  hasRoom(bytes: number, isUpkeep: boolean): boolean {
    const neededBytes = bytes + (isUpkeep ? UPKEEP_RESERVED_BYTES : RESERVED_BYTES);
    const has = (): boolean => this.#disk.space(this.#log.dir).usableBytes >= neededBytes;
    if (has()) return true;
    if (!isUpkeep) return false;
    this.#makeRoom();
    return has();
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

  async checkpointCommitted(isDurable: boolean): Promise<void> {
    // Two at once would write into the same files; what is left out now is noted a second later.
    if (this.#noting !== null && !isDurable) return;
    await this.#noting;
    const offset = Math.min(this.#log.highWatermark, this.#log.syncedEndOffset);
    if (offset <= this.#committed && !isDurable) return;
    this.#committed = offset;
    const offsets: OffsetCheckpoint = new Map();
    setOffset(offsets, METADATA_TOPIC, METADATA_PARTITION, offset);
    this.#noting = this.#noteCommitted(offsets, isDurable);
    try {
      await this.#noting;
    } finally {
      this.#noting = null;
    }
  }

  async #noteCommitted(offsets: OffsetCheckpoint, isDurable: boolean): Promise<void> {
    try {
      for (const path of this.#committedPaths()) {
        if (isDurable) writeOffsetCheckpoint(this.#disk, path, offsets);
        else await overwriteOffsetCheckpoint(this.#disk, path, offsets);
      }
    } catch (error) {
      // It is said again later; until then the next start knows a little less.
      if (!isPassing(error)) throw error;
    }
  }

  #committedPaths(): string[] {
    return COMMITTED_FILES.map((name) => joinPath(this.#log.dir, name));
  }

  tidy(nowMs: number): Promise<void> {
    return this.#log.tidy(nowMs);
  }

  close(): Promise<void> {
    return this.#log.close();
  }
}
