/**
 * Which snapshots, and with them which part of the metadata log, are no longer needed (KafkaMetadataLog.maybeClean).
 *
 * Always true: the newest snapshot stays; the log start moves only to the end of a snapshot that stays, so a reader who
 * is behind it finds a snapshot.
 */

import type { SnapshotId } from '../raft/messages.ts';
import { ExitCode, StartupError } from '../startup-error.ts';
import type { RaftLogStore } from './raft-log.ts';
import type { SnapshotStore } from './raft-snapshots.ts';

export interface SnapshotRetention {
  /** metadata.max.retention.bytes; negative for no bound. */
  readonly maxBytes: number;
  /** metadata.max.retention.ms; negative for no bound. */
  readonly maxMs: number;
  readonly fileDeleteDelayMs: number;
}

export const retentionDefaults: SnapshotRetention = {
  maxBytes: 100 * 1024 * 1024,
  maxMs: 7 * 24 * 60 * 60 * 1000,
  fileDeleteDelayMs: 60_000,
};

/** Moves the log start up as far as retention asks; gives the files of old snapshots, to be removed after a while. */
export function cleanSnapshots(
  snapshots: SnapshotStore,
  log: RaftLogStore,
  retention: SnapshotRetention,
  nowMs: number,
): string[] {
  const isTooMuch = (): boolean => {
    const bytes = snapshots.ids.reduce((sum, id) => sum + snapshots.sizeBytes(id), log.sizeBytes);
    return retention.maxBytes >= 0 && bytes > retention.maxBytes;
  };
  const isTooOld = (id: SnapshotId): boolean =>
    retention.maxMs >= 0 && nowMs - snapshots.lastContainedLogTimestampMs(id) > retention.maxMs;
  const doomed: string[] = [];
  for (;;) {
    const [oldest, next] = snapshots.ids;
    if (oldest === undefined || next === undefined || !(isTooMuch() || isTooOld(oldest))) {
      return doomed;
    }
    if (log.startOffset < next.endOffset) {
      log.advanceStart(next.endOffset, nowMs);
      if (log.startOffset !== next.endOffset) {
        return doomed;
      }
    }
    doomed.push(...snapshots.forgetBefore(next));
  }
}

/** After a crash between the arrival of a snapshot and the emptying of the log: the log is emptied now. */
export function restartAtNewerSnapshot(log: RaftLogStore, snapshots: SnapshotStore, nowMs: number): void {
  const { latest } = snapshots;
  if (latest === null) {
    return;
  }
  const lastEpoch = log.epochs.at(-1)?.epoch ?? 0;
  if (latest.epoch > lastEpoch || (latest.epoch === lastEpoch && latest.endOffset > log.endOffset)) {
    log.restartAt(latest.endOffset, nowMs);
    for (const path of snapshots.forgetBefore(latest)) {
      snapshots.removeNow(path);
    }
  }
}

/** @throws {StartupError} when the log's beginning is gone and no snapshot stands for it */
export function checkStartIsCovered(log: RaftLogStore, snapshots: SnapshotStore): void {
  if (log.startOffset > 0 && (snapshots.latest?.endOffset ?? 0) < log.startOffset) {
    throw new StartupError(
      ExitCode.STATE_UNREADABLE,
      `The metadata log in ${snapshots.directory} begins at offset ${log.startOffset}, and there is no snapshot of what ` +
        'came before: restore the missing .checkpoint file from a backup.',
    );
  }
}
