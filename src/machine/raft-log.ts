/**
 * The log as the Raft driver needs it, and the batches that stand in it.
 *
 * Always true: a leader's batches are built here with their final base offset and epoch, so leader and follower
 * append the very same bytes. Data batches carry no compression and no producer; a control batch has one record.
 */

import { assert } from '../../protocol/assert.ts';
import { ControlType, controlKey } from '../../protocol/batch/control.ts';
import {
  baseOffset,
  batchPositions,
  buildBatch,
  isControl,
  isCrcValid,
  iterateRecords,
  lastOffset,
  maxTimestamp,
  partitionLeaderEpoch,
  sizeInBytes,
} from '../../protocol/batch.ts';
import { encodeMessage } from '../../protocol/codec.ts';
import { MalformedMessage } from '../../protocol/errors.ts';
import { LeaderChangeMessage } from '../../protocol/records/control.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import { decodeMetadataRecord, encodeMetadataRecord } from '../../protocol/records/metadata.ts';
import { recordVersion } from '../metadata/metadata-version.ts';
import type { CommittedBatch } from '../metadata/replayer.ts';
import type { EpochStart } from '../raft/log-view.ts';
import type { LeaderChange, RaftBatch } from '../raft/messages.ts';

/** What the driver asks of `__cluster_metadata-0`; appends and truncations are synchronous. */
export interface RaftLogStore {
  readonly startOffset: number;
  readonly endOffset: number;
  /** Bytes of all segments. */
  readonly sizeBytes: number;
  /** Which epoch begins where, from the log start on. */
  readonly epochs: readonly EpochStart[];
  /**
   * Whether the disk surely has room for so many bytes more; what is appended without it may end the node. Upkeep may use
   * what is left free for such as it.
   */
  hasRoom(bytes: number, isUpkeep: boolean): boolean;
  /** Appends whole batches as they are; the first begins at `endOffset`. The bytes are copied or written at once. */
  append(batches: Buffer, nowMs: number): void;
  /** Whole batches from the one with `offset` on and below `upTo`; at least one where there is one. */
  read(offset: number, upTo: number, maxBytes: number): Buffer;
  /** Resolves when all that was appended before the call is on disk. */
  sync(): Promise<void>;
  truncateTo(offset: number, nowMs: number): void;
  /** Empties the log; it goes on at `offset`. */
  restartAt(offset: number, nowMs: number): void;
  /** Moves the start up to `offset` and drops what lies wholly below. */
  advanceStart(offset: number, nowMs: number): void;
  updateHighWatermark(offset: number): void;
  /** Notes for the next start how far the log is committed and on disk. */
  checkpointCommitted(isDurable: boolean): Promise<void>;
  /** Removes files whose delay is over. */
  tidy(nowMs: number): Promise<void>;
  /** Syncs and closes. */
  close(): Promise<void>;
}

/** Kafka's KafkaRaftClient.MAX_BATCH_SIZE_BYTES. */
export const MAX_BATCH_BYTES = 8 * 1024 * 1024;

interface BatchPlace {
  readonly baseOffset: number;
  readonly epoch: number;
  readonly nowMs: number;
}

export function buildControlBatch(type: ControlType, value: Buffer, place: BatchPlace): Buffer {
  return buildBatch({
    baseOffset: place.baseOffset,
    leaderEpoch: place.epoch,
    timestampMs: place.nowMs,
    control: true,
    records: [{ key: controlKey(type), value }],
  });
}

export function buildLeaderChange(change: LeaderChange, place: BatchPlace): Buffer {
  const message = {
    version: 0,
    leaderId: change.leaderId,
    voters: change.voters.map(({ id }) => ({ voterId: id })),
    grantingVoters: change.grantingVoters.map((voterId) => ({ voterId })),
  };
  return buildControlBatch(ControlType.LEADER_CHANGE, encodeMessage(LeaderChangeMessage, 0, message), place);
}

/** One batch of metadata records, each in the version that `metadataLevel` has it in. */
export function buildMetadataBatch(
  records: readonly MetadataRecord[],
  metadataLevel: number,
  place: BatchPlace,
): Buffer {
  return buildBatch({
    baseOffset: place.baseOffset,
    leaderEpoch: place.epoch,
    timestampMs: place.nowMs,
    records: records.map((record) => ({
      key: null,
      value: encodeMetadataRecord(record, recordVersion(record, metadataLevel)),
    })),
  });
}

const MAX_UPKEEP_BYTES = 64 * 1024;

/** Registrations, elections, deletions, settings: on a full disk they go on, or there would be no way out of it. */
export const isUpkeep = (records: readonly MetadataRecord[], batch: Buffer): boolean =>
  batch.length <= MAX_UPKEEP_BYTES &&
  !records.some(({ type }) => type === 'TopicRecord' || type === 'PartitionRecord' || type === 'NoOpRecord');

/** Cuts fetched bytes into batches; what is not whole or not sound at the end is left out. */
export function splitBatches(bytes: Buffer): RaftBatch[] {
  const batches: RaftBatch[] = [];
  for (const position of batchPositions(bytes)) {
    if (!isCrcValid(bytes, position)) {
      break;
    }
    batches.push({
      baseOffset: baseOffset(bytes, position),
      lastOffset: lastOffset(bytes, position),
      epoch: partitionLeaderEpoch(bytes, position),
      bytes: bytes.subarray(position, position + sizeInBytes(bytes, position)),
    });
  }
  return batches;
}

/**
 * The batches in `bytes` as the state machine takes them: control batches come without records.
 * @throws {MalformedMessage} where a record can't be read
 */
export function decodeCommitted(bytes: Buffer): CommittedBatch[] {
  const batches: CommittedBatch[] = [];
  for (const position of batchPositions(bytes)) {
    batches.push({
      baseOffset: baseOffset(bytes, position),
      lastOffset: lastOffset(bytes, position),
      epoch: partitionLeaderEpoch(bytes, position),
      appendTimestampMs: maxTimestamp(bytes, position),
      sizeInBytes: sizeInBytes(bytes, position),
      records: isControl(bytes, position) ? [] : decodeRecords(bytes, position),
    });
  }
  assert(batches.length > 0 || bytes.length === 0, 'What the log gives is whole batches.');
  return batches;
}

function decodeRecords(bytes: Buffer, position: number): MetadataRecord[] {
  const records: MetadataRecord[] = [];
  for (const { value } of iterateRecords(bytes, position)) {
    if (value === null) {
      throw new MalformedMessage('A metadata record has no value.');
    }
    records.push(decodeMetadataRecord(value));
  }
  return records;
}
