/**
 * The topic configuration as the log sees it: every key of a topic that changes what is stored or kept.
 *
 * Names are the topic keys of Kafka 3.7.0 (LogConfig) in camel case, with their units. Always true: a `LogConfig` is a
 * complete, immutable value; a change at run time is a new value given to `Log.updateConfig`.
 *
 * Limits whose default is Long.MAX hold `Number.MAX_SAFE_INTEGER` here: the text a user reads back is kept by
 * src/config, the log only compares.
 */

export type CleanupPolicy = 'delete' | 'compact';

export interface LogConfig {
  /** May hold both (KIP-71); never empty. */
  readonly cleanupPolicy: readonly CleanupPolicy[];
  /** `producer` keeps the codec of the client's batch; `uncompressed` and the codecs recompress. */
  readonly compressionType: 'producer' | 'uncompressed' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly deleteRetentionMs: number;
  readonly fileDeleteDelayMs: number;
  readonly flushMessages: number;
  readonly flushMs: number;
  readonly indexIntervalBytes: number;
  readonly maxCompactionLagMs: number;
  readonly maxMessageBytes: number;
  readonly messageDownconversionEnable: boolean;
  readonly messageTimestampAfterMaxMs: number;
  readonly messageTimestampBeforeMaxMs: number;
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime';
  readonly minCleanableDirtyRatio: number;
  readonly minCompactionLagMs: number;
  readonly minInsyncReplicas: number;
  readonly preallocate: boolean;
  /** -1 keeps any size. */
  readonly retentionBytes: number;
  /** -1 keeps for ever. */
  readonly retentionMs: number;
  readonly segmentBytes: number;
  readonly segmentIndexBytes: number;
  readonly segmentJitterMs: number;
  readonly segmentMs: number;
  readonly uncleanLeaderElectionEnable: boolean;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const UNLIMITED = Number.MAX_SAFE_INTEGER;

export const defaultLogConfig: LogConfig = {
  cleanupPolicy: ['delete'],
  compressionType: 'producer',
  deleteRetentionMs: DAY_MS,
  fileDeleteDelayMs: 60_000,
  flushMessages: UNLIMITED,
  flushMs: UNLIMITED,
  indexIntervalBytes: 4096,
  maxCompactionLagMs: UNLIMITED,
  maxMessageBytes: 1_048_588,
  messageDownconversionEnable: true,
  messageTimestampAfterMaxMs: UNLIMITED,
  messageTimestampBeforeMaxMs: UNLIMITED,
  messageTimestampType: 'CreateTime',
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  minInsyncReplicas: 1,
  preallocate: false,
  retentionBytes: -1,
  retentionMs: 7 * DAY_MS,
  segmentBytes: 1_073_741_824,
  segmentIndexBytes: 10_485_760,
  segmentJitterMs: 0,
  segmentMs: 7 * DAY_MS,
  uncleanLeaderElectionEnable: false,
};

export const isCompacted = (config: LogConfig): boolean => config.cleanupPolicy.includes('compact');
export const isDeleted = (config: LogConfig): boolean => config.cleanupPolicy.includes('delete');

/** How long a segment may stay active: compaction may not be held up by an idle one (LogConfig.maxSegmentMs). */
export const maxSegmentMs = (config: LogConfig): number =>
  isCompacted(config) && config.maxCompactionLagMs > 0
    ? Math.min(config.maxCompactionLagMs, config.segmentMs)
    : config.segmentMs;
