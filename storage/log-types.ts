/** What a log is made of, what it is asked to append, and what it answers. */

import type { AppendOrigin, AppendOptions as JudgeOptions, RecordError } from './append-types.ts';
import type { Disk, DiskError } from './disk.ts';
import type { Log } from './log.ts';
import type { OpenProducers } from './producers.ts';
import type { ScanAhead } from './scan-ahead.ts';
import type { StagingPool } from './staging.ts';
import type { StallGuards } from './stall-guard.ts';

/** What all logs of a process share. */
export interface LogEnvironment {
  readonly disk: Disk;
  readonly stagingPool: StagingPool;
  /** Whether the disks of the log directories let writers wait; without, all is written from the event loop. */
  readonly stallGuards?: StallGuards;
  readonly openProducers: OpenProducers;
  /** In [0, 1): spreads the rolling of segments (segment.jitter.ms). */
  readonly random: () => number;
  /** The log went offline. */
  readonly onFailure: (log: Log, error: DiskError) => void;
  /**
   * The log is about to be cut at `offset`: no checkpoint on disk may claim more of it, or recovery would believe the
   * records that come instead of those cut. @throws {DiskError}
   */
  readonly beforeTruncation: (log: Log, offset: number) => void;
  /**
   * Called before a segment that begins at `offset` is made: the recovery point on disk must lie below it, in the
   * segment that ends there, or recovery would not look at that one. Not needed where recovery points are not kept.
   */
  readonly beforeRoll?: (log: Log, offset: number) => void;
  /** A log's recovery point has passed a segment: a start need not look at that one, once the point is noted. */
  readonly onFinished?: () => void;
  /** Where many logs are opened: other threads look at what each has to scan. */
  readonly scanAhead?: ScanAhead;
}

export interface LogIdentity {
  readonly topic: string;
  readonly partition: number;
  /** 22 characters, or ZERO_UUID when it is not known. */
  readonly topicId: string;
  /** The log's own directory. */
  readonly directory: string;
}

/** How the log was left, as the checkpoints of its log.dir tell. */
export interface LogLeftBy {
  readonly hadCleanShutdown: boolean;
  readonly recoveryPoint: number;
  /** This and the other optional one: see RecoveryParts. */
  readonly soundEndOffset?: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  /** It was compacted at some time: offsets may be missing between segments. */
  readonly mayHaveGaps: boolean;
  readonly isOnlyReplica?: boolean;
}

export const NEW_LOG: LogLeftBy = {
  hadCleanShutdown: false,
  recoveryPoint: 0,
  logStartOffset: 0,
  highWatermark: 0,
  mayHaveGaps: false,
};

export interface AppendOptions extends Pick<JudgeOptions, 'content'> {
  readonly leaderEpoch: number;
  readonly origin: AppendOrigin;
  readonly nowMs: number;
  /** Proof that the transaction coordinator knows of this partition (KIP-890); see producer-state.ts. */
  readonly verificationGuard?: number;
}

export interface AppendResult {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly recordErrors: readonly RecordError[];
  /** Of the first record; of the first copy when `duplicate`. -1 on error, and when there was nothing to append. */
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly logAppendTimeMs: number;
  /** -1 with the errors that Kafka finds before it looks at the log. */
  readonly logStartOffset: number;
  readonly duplicate: boolean;
  readonly bytes: number;
  readonly recordCount: number;
}
