// What may be appended to a log, and with which offsets: Kafka's UnifiedLog#analyzeAndValidateRecords and
// LogValidator of 3.7.0, as one function without state.
//
// Checks come in Kafka's order, because the first that fails names the error code: framing and CRC, sizes, the
// batch's header, then every record. Always true: a refusal leaves the caller's bytes as they were; an accepted batch
// has its base offset, leader epoch and, where needed, max timestamp set in the caller's buffer, unless it had to be
// rebuilt (another codec, an older message format), when the plan holds fresh bytes. Nothing is appended here, and
// duplicates are not looked for: that is the log's and the producer state's business, after this.

import { assert } from '../protocol/assert.ts';
import { readLegacyMessage } from '../protocol/batch/legacy.ts';
import * as batch from '../protocol/batch.ts';
import type { CompressionType } from '../protocol/compression/types.ts';
import { COMPRESSION_TYPES, CompressionError } from '../protocol/compression/types.ts';
import { ErrorCode } from '../protocol/errors.ts';
import type { Content } from './append-content.ts';
import { contentOf, MAX_UNFOLDED_BYTES } from './append-content.ts';
import { AppendRefused } from './append-errors.ts';
import { rebuildRecords } from './append-rebuild.ts';
import type {
  AppendConfig,
  AppendOptions,
  AppendOrigin,
  AppendPlan,
  AppendRefusal,
  BatchScan,
} from './append-types.ts';

/** A log cannot hold what no segment holds. Kafka asks this last. */
function checkSegmentSize(records: Buffer, options: AppendOptions): void {
  const { segmentBytes } = options.config;
  if (records.length <= segmentBytes) return;
  const reason = `${records.length} bytes do not fit a segment of ${segmentBytes}`;
  throw new AppendRefused(ErrorCode.RECORD_LIST_TOO_LARGE, reason);
}

/** Whether a plan or a refusal came back. */
export function isRefused(result: AppendPlan | AppendRefusal): result is AppendRefusal {
  return result.errorCode !== ErrorCode.NONE;
}

/**
 * Validates `records` (zero or more batches) for appending by a leader, and assigns offsets from
 * `options.nextOffset` on. `records` may be patched in place. Bytes after the last whole batch are ignored.
 *
 * Returns codes: CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_TIMESTAMP, INVALID_RECORD,
 * UNSUPPORTED_COMPRESSION_TYPE (zstd without an implementation), UNKNOWN_SERVER_ERROR (data that does not unfold).
 * Cost: 6 ns a record of the usual shape and 15 to 40 ns any other, uncompressed, else what unfolding costs.
 */
export function validateAppend(records: Buffer, options: AppendOptions): AppendPlan | AppendRefusal {
  try {
    const scan = scanBatches(records, options);
    if (scan.validBytes === 0) return NOTHING;
    const valid = scan.validBytes === records.length ? records : records.subarray(0, scan.validBytes);
    if (options.origin === 'raft') return planAsGiven(valid, scan, options);
    return planAssigned(valid, scan, options);
  } catch (error) {
    if (error instanceof AppendRefused) return error.refusal();
    if (error instanceof CompressionError) return refusalOf(error).refusal();
    throw error;
  }
}

const NOTHING: AppendPlan = {
  errorCode: ErrorCode.NONE,
  records: Buffer.alloc(0),
  baseOffset: -1,
  lastOffset: -1,
  maxTimestampMs: batch.NO_TIMESTAMP,
  offsetOfMaxTimestamp: -1,
  logAppendTimeMs: -1,
  recordCount: 0,
  isConverted: false,
};

function refusalOf(error: CompressionError): AppendRefused {
  switch (error.failure) {
    case 'too-large':
      return new AppendRefused(ErrorCode.MESSAGE_TOO_LARGE, error.message);
    case 'unavailable':
      return new AppendRefused(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE, error.message);
    case 'corrupt':
    case 'unknown-codec':
      return new AppendRefused(ErrorCode.UNKNOWN_SERVER_ERROR, error.message);
  }
}

// ------------------------------------------------------------------------------------------------- first pass

/** Kafka's least size of a message, the size field's count: one of magic 0 without key and value. */
const MIN_MESSAGE_SIZE = 14;
/** Up to and including the magic byte. */
const SIZE_UP_TO_MAGIC = batch.MAGIC_OFFSET + 1;

type ScanRules = Pick<AppendOptions, 'leaderEpoch' | 'topicPartition'> & {
  readonly config: Pick<AppendConfig, 'maxMessageBytes'>;
  readonly origin: AppendOrigin | 'replication';
};

/**
 * Headers, sizes and CRCs of all whole batches. A size or magic that no batch can have is refused even behind whole
 * batches; a batch that is merely cut ends the run.
 */
function scanBatches(records: Buffer, rules: ScanRules): BatchScan {
  const scan: BatchScan = {
    validBytes: 0,
    batchCount: 0,
    isCurrentFormat: true,
    sourceCodec: 'none',
    firstOffset: -1,
    lastOffset: -1,
    isMonotonic: true,
    lastLeaderEpoch: batch.NO_PARTITION_LEADER_EPOCH,
    maxTimestampMs: batch.NO_TIMESTAMP,
    offsetOfMaxTimestamp: -1,
    recordCount: 0,
  };
  for (let pos = 0; ; ) {
    const remaining = records.length - pos;
    if (remaining < batch.LOG_OVERHEAD) return scan;
    const size = batch.sizeInBytes(records, pos);
    if (size < batch.LOG_OVERHEAD + MIN_MESSAGE_SIZE) throw corrupt('a batch is smaller than any message');
    if (remaining < SIZE_UP_TO_MAGIC) return scan;
    const magic = batch.magic(records, pos);
    if (magic < 0 || magic > batch.MAGIC_V2) throw corrupt(`a batch has magic ${magic}`);
    if (remaining < size) return scan;
    if (magic === batch.MAGIC_V2) scanBatch(records, pos, size, scan, rules);
    else scanLegacyMessage(records, pos, size, scan, rules);
    scan.batchCount++;
    pos += size;
    scan.validBytes = pos;
  }
}

function scanBatch(records: Buffer, pos: number, size: number, scan: BatchScan, rules: ScanRules): void {
  if (size < batch.BATCH_HEADER_SIZE) throw corrupt('a batch is smaller than its header');
  const base = batch.baseOffset(records, pos);
  const epoch = batch.partitionLeaderEpoch(records, pos);
  if (rules.origin === 'raft' && epoch !== rules.leaderEpoch) throw invalid('a raft batch has another epoch');
  if (rules.origin === 'client' && base !== 0) throw invalid(`a batch has base offset ${base} and not 0`);
  if (scan.batchCount === 0) scan.firstOffset = base;
  noteOffset(scan, batch.lastOffset(records, pos));
  scan.lastLeaderEpoch = epoch;
  checkSize(size, rules);
  if (!batch.isCrcValid(records, pos)) throw corrupt("a batch's CRC does not match its bytes");
  noteTimestamp(scan, batch.maxTimestamp(records, pos));
  noteCodec(scan, batch.compressionId(records, pos));
  scan.recordCount += batch.recordCount(records, pos);
}

function scanLegacyMessage(
  records: Buffer,
  pos: number,
  size: number,
  scan: BatchScan,
  rules: ScanRules,
): void {
  scan.isCurrentFormat = false;
  const message = readLegacyMessage(records, pos);
  if (message === null) throw corrupt('a message is not well formed');
  noteOffset(scan, message.offset);
  checkSize(size, rules);
  if (!message.isCrcValid) throw corrupt("a message's CRC does not match its bytes");
  noteTimestamp(scan, message.timestampMs);
  noteCodec(scan, message.codec);
}

function noteOffset(scan: BatchScan, lastOffset: number): void {
  if (scan.lastOffset >= lastOffset) scan.isMonotonic = false;
  scan.lastOffset = lastOffset;
}

function noteTimestamp(scan: BatchScan, maxTimestampMs: number): void {
  if (maxTimestampMs <= scan.maxTimestampMs) return;
  scan.maxTimestampMs = maxTimestampMs;
  scan.offsetOfMaxTimestamp = scan.lastOffset;
}

function noteCodec(scan: BatchScan, id: number): void {
  const codec = COMPRESSION_TYPES[id];
  if (codec === undefined) throw new CompressionError('unknown-codec', `no codec has the number ${id}`);
  if (codec !== 'none') scan.sourceCodec = codec;
}

function checkSize(size: number, rules: ScanRules): void {
  // A follower takes what its leader has accepted, whatever the limit is now.
  if (rules.origin === 'replication' || size <= rules.config.maxMessageBytes) return;
  throw new AppendRefused(
    ErrorCode.MESSAGE_TOO_LARGE,
    `a batch of ${size} bytes exceeds max.message.bytes ${rules.config.maxMessageBytes}`,
  );
}

/**
 * The first pass alone, for a follower's append: framing, CRCs and offsets that ascend. Offsets are taken as given;
 * that they follow the log's end is for the log to check.
 */
export function scanReplicated(records: Buffer, topicPartition: string): BatchScan | AppendRefusal {
  try {
    const scan = scanBatches(records, {
      topicPartition,
      leaderEpoch: batch.NO_PARTITION_LEADER_EPOCH,
      config: { maxMessageBytes: 0 },
      origin: 'replication',
    });
    if (!scan.isMonotonic) throw outOfOrder();
    return scan;
  } catch (error) {
    if (error instanceof AppendRefused) return error.refusal();
    if (error instanceof CompressionError) return refusalOf(error).refusal();
    throw error;
  }
}

function planAsGiven(records: Buffer, scan: BatchScan, options: AppendOptions): AppendPlan {
  if (!scan.isMonotonic) throw outOfOrder();
  if (scan.firstOffset < options.nextOffset) {
    throw new AppendRefused(
      ErrorCode.UNKNOWN_SERVER_ERROR,
      `offset ${scan.firstOffset} lies before the log's end ${options.nextOffset}`,
    );
  }
  checkSegmentSize(records, options);
  return {
    errorCode: ErrorCode.NONE,
    records,
    baseOffset: scan.firstOffset,
    lastOffset: scan.lastOffset,
    maxTimestampMs: scan.maxTimestampMs,
    offsetOfMaxTimestamp: scan.offsetOfMaxTimestamp,
    logAppendTimeMs: -1,
    recordCount: scan.recordCount,
    isConverted: false,
  };
}

// ------------------------------------------------------------------------------------------------ second pass

function planAssigned(records: Buffer, scan: BatchScan, options: AppendOptions): AppendPlan {
  const beginsWithBatch = batch.magic(records) === batch.MAGIC_V2;
  if (beginsWithBatch && scan.batchCount > 1) throw invalid('more than one batch');
  if (!beginsWithBatch) return planRebuilt(records, scan, options);
  checkHeader(records, options);
  const targetCodec = targetCompression(scan.sourceCodec, options.config);
  // Control batches are never compressed on the way in.
  const isKept =
    targetCodec === scan.sourceCodec || (scan.sourceCodec === 'none' && batch.isControl(records));
  const content = options.content?.result() ?? contentOf(records, options);
  // Kafka sets out to rebuild such a batch and then fails, having skipped its keys and values: error -1.
  if (isKept && scan.sourceCodec !== 'none' && content.hasGaps) {
    throw new AppendRefused(ErrorCode.UNKNOWN_SERVER_ERROR, 'a compressed batch has gaps in its offsets');
  }
  assert(content.count > 0, 'a batch to append has records');
  assert(
    content.count === batch.lastOffsetDelta(records) + 1,
    'a batch to append has one offset for each record',
  );
  return isKept ? planInPlace(records, content, options) : planRebuilt(records, scan, options);
}

/** `compression.type` of the topic, applied to a batch of codec `source`. */
export function targetCompression(
  source: CompressionType,
  config: Pick<AppendConfig, 'compressionType'>,
): CompressionType {
  if (config.compressionType === 'producer') return source;
  return config.compressionType === 'uncompressed' ? 'none' : config.compressionType;
}

/** LogValidator#validateBatch: what the header of a client's batch must say. */
function checkHeader(records: Buffer, options: AppendOptions): void {
  if (options.origin !== 'client') return;
  const countFromOffsets = batch.lastOffsetDelta(records) + 1;
  const count = batch.recordCount(records);
  if (countFromOffsets <= 0) throw invalid('a batch ends before it begins');
  if (count <= 0) throw invalid(`a batch counts ${count} records`);
  if (countFromOffsets !== count) {
    throw invalid(`a batch spans ${countFromOffsets} offsets and counts ${count} records`);
  }
  if (batch.isControl(records)) throw invalid('a client may not write control records');
  if (batch.hasProducerId(records) && batch.baseSequence(records) < 0) {
    throw invalid(`a batch with a producer id has sequence ${batch.baseSequence(records)}`);
  }
}

function planInPlace(records: Buffer, content: Content, options: AppendOptions): AppendPlan {
  const { config, nextOffset, nowMs } = options;
  checkSegmentSize(records, options);
  const lastOffset = nextOffset + content.count - 1;
  const isAppendTime = config.messageTimestampType === 'LogAppendTime';
  const maxTimestampMs = isAppendTime ? nowMs : content.maxTimestampMs;
  batch.setLastOffset(records, 0, lastOffset);
  batch.setMaxTimestamp(records, 0, config.messageTimestampType, maxTimestampMs);
  batch.setPartitionLeaderEpoch(records, 0, options.leaderEpoch);
  return {
    errorCode: ErrorCode.NONE,
    records,
    baseOffset: nextOffset,
    lastOffset,
    maxTimestampMs,
    offsetOfMaxTimestamp: lastOffset,
    logAppendTimeMs: isAppendTime ? nowMs : -1,
    recordCount: content.count,
    isConverted: false,
  };
}

function planRebuilt(records: Buffer, scan: BatchScan, options: AppendOptions): AppendPlan {
  const targetCodec = targetCompression(scan.sourceCodec, options.config);
  const built = rebuildRecords(records, targetCodec, options, options.maxUnfoldedBytes ?? MAX_UNFOLDED_BYTES);
  const size = built.length;
  // Checked once more, since folding anew or converting changes it.
  checkSize(size, options);
  checkSegmentSize(built, options);
  const lastOffset = batch.lastOffset(built);
  const isAppendTime = options.config.messageTimestampType === 'LogAppendTime';
  return {
    errorCode: ErrorCode.NONE,
    records: built,
    baseOffset: options.nextOffset,
    lastOffset,
    maxTimestampMs: batch.maxTimestamp(built),
    offsetOfMaxTimestamp: lastOffset,
    logAppendTimeMs: isAppendTime ? options.nowMs : -1,
    recordCount: batch.recordCount(built),
    isConverted: true,
  };
}

function corrupt(reason: string): AppendRefused {
  return new AppendRefused(ErrorCode.CORRUPT_MESSAGE, reason);
}

function invalid(reason: string): AppendRefused {
  return new AppendRefused(ErrorCode.INVALID_RECORD, reason);
}

function outOfOrder(): AppendRefused {
  return new AppendRefused(ErrorCode.UNKNOWN_SERVER_ERROR, 'offsets do not ascend');
}
