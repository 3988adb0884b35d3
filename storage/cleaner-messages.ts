/**
 * What the cleaner's worker and the thread that asks it say to each other.
 *
 * Always true: every request gets one answer, in order; failures travel as plain values and are made into errors of the
 * same kind again on the other side.
 */

import type { CompactionJob, CompactionStatistics, MapSummary, SourceSegment } from './compaction-types.ts';
import { DiskError } from './disk.ts';

export type WorkerRequest =
  | { readonly kind: 'begin'; readonly job: CompactionJob }
  | { readonly kind: 'group'; readonly group: readonly SourceSegment[] };

export type WorkerFailure =
  | { readonly kind: 'disk'; readonly errno: string; readonly operation: string; readonly path: string }
  | { readonly kind: 'other'; readonly name: string; readonly message: string };

export type WorkerAnswer =
  | { readonly kind: 'mapped'; readonly summary: MapSummary }
  | { readonly kind: 'copied'; readonly statistics: CompactionStatistics }
  | { readonly kind: 'failed'; readonly failure: WorkerFailure };

export function failureOf(error: unknown): WorkerFailure {
  if (error instanceof DiskError) {
    const { errno, operation, path } = error;
    return { kind: 'disk', errno, operation, path };
  }
  if (error instanceof Error) return { kind: 'other', name: error.name, message: error.message };
  return { kind: 'other', name: 'Error', message: String(error) };
}

export function errorOf(failure: WorkerFailure): Error {
  if (failure.kind === 'disk') return new DiskError(failure.errno, failure.operation, failure.path);
  const error = new Error(failure.message);
  error.name = failure.name;
  return error;
}
