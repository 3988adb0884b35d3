/**
 * Formats the directories of a node: an identity for each and the first metadata records, as kafka-storage.sh does.
 *
 *   <log.dir>/meta.properties        version=1, node.id, cluster.id, directory.id
 *   <log.dir>/bootstrap.checkpoint   three batches at offsets 0, 1, 2 of epoch 0:
 *                                    a snapshot header, a FeatureLevelRecord for metadata.version, a snapshot footer
 *
 * Always true: meta.properties is written last, so a directory that has one has its bootstrap.checkpoint too; a
 * directory that is formatted already is never written to.
 */

import { ControlType, controlKey } from '../../protocol/batch/control.ts';
import { buildBatch } from '../../protocol/batch.ts';
import { encodeMessage } from '../../protocol/codec.ts';
import { SnapshotFooterRecord, SnapshotHeaderRecord } from '../../protocol/records/control.ts';
import { encodeMetadataRecord } from '../../protocol/records/metadata.ts';
import { makeUuid } from '../../protocol/uuid.ts';
import type { Disk } from '../../storage/disk.ts';
import type { MetaProperties } from '../../storage/layout.ts';
import {
  joinPath,
  META_PROPERTIES_FILE,
  readMetaProperties,
  writeMetaProperties,
} from '../../storage/layout.ts';
import { replaceSmallFile } from '../../storage/small-file.ts';
import { METADATA_VERSION_FEATURE } from '../metadata/metadata-version.ts';
import { ExitCode, StartupError } from '../startup-error.ts';

const BOOTSTRAP_FILE = 'bootstrap.checkpoint';

/** The world, as far as formatting needs it. */
export interface FormatPorts {
  readonly disk: Disk;
  readonly nowMs: number;
  readonly random: (byteCount: number) => Uint8Array;
}

export interface FormatRequest {
  /** All log.dirs and the metadata directory. */
  readonly directories: readonly string[];
  readonly clusterId: string;
  readonly nodeId: number;
  /** The feature level of metadata.version to begin with. */
  readonly metadataLevel: number;
  readonly ignoreFormatted: boolean;
}

/** The bytes of bootstrap.checkpoint. */
export function bootstrapCheckpoint(metadataLevel: number, nowMs: number): Buffer {
  const common = { leaderEpoch: 0, timestampMs: nowMs };
  const control = (type: ControlType, value: Buffer, baseOffset: number) =>
    buildBatch({ ...common, baseOffset, control: true, records: [{ key: controlKey(type), value }] });
  const header = encodeMessage(SnapshotHeaderRecord, 0, { version: 0, lastContainedLogTimestamp: 0 });
  const footer = encodeMessage(SnapshotFooterRecord, 0, { version: 0 });
  const level = encodeMetadataRecord(
    { type: 'FeatureLevelRecord', name: METADATA_VERSION_FEATURE, featureLevel: metadataLevel },
    0,
  );
  return Buffer.concat([
    control(ControlType.SNAPSHOT_HEADER, header, 0),
    buildBatch({ ...common, baseOffset: 1, records: [{ key: null, value: level }] }),
    control(ControlType.SNAPSHOT_FOOTER, footer, 2),
  ]);
}

/** The date as java.util.Properties writes it in a comment: `Sun Nov 22 19:26:08 UTC 2026`. */
export function javaDate(nowMs: number): string {
  const [weekday = '', day = '', month = '', year = '', time = ''] = new Date(nowMs)
    .toUTCString()
    .replace(',', '')
    .split(' ');
  return `${weekday} ${month} ${day} ${time} UTC ${year}`;
}

/**
 * What is written in a directory, or null when it is not formatted.
 * @throws {StartupError} when it can't be read, or belongs to another cluster or node
 */
export function formattedAs(
  disk: Disk,
  directory: string,
  expected: { readonly clusterId: string | null; readonly nodeId: number | null },
): MetaProperties | null {
  const read = readMetaProperties(disk, directory);
  if (read.status === 'missing') return null;
  const path = joinPath(directory, META_PROPERTIES_FILE);
  if (read.status === 'unusable') {
    throw new StartupError(
      ExitCode.DIRECTORY_FOREIGN,
      `The file ${path} can't be used (${read.reason}): correct it, or choose another directory with log.dirs.`,
    );
  }
  const { clusterId, nodeId } = read.properties;
  const foreign = (key: string, wanted: string | number, found: string | number) =>
    new StartupError(
      ExitCode.DIRECTORY_FOREIGN,
      `Invalid ${key} in: ${path}. Expected ${wanted}, but read ${found}: the directory belongs to another ` +
        'cluster or node; correct the configuration or choose another directory with log.dirs.',
    );
  if (expected.clusterId !== null && clusterId !== expected.clusterId)
    throw foreign('cluster.id', expected.clusterId, clusterId);
  if (expected.nodeId !== null && nodeId !== expected.nodeId)
    throw foreign('node.id', expected.nodeId, nodeId);
  return read.properties;
}

/**
 * Formats those directories that are not formatted yet.
 * @returns the directories that were formatted, in order
 * @throws {StartupError} when one is formatted and that was not to be ignored, or is of another cluster or node
 */
export function formatDirectories(request: FormatRequest, { disk, nowMs, random }: FormatPorts): string[] {
  const directories = [...new Set(request.directories)].sort();
  const empty = directories.filter((directory) => formattedAs(disk, directory, request) === null);
  const formatted = directories.find((directory) => !empty.includes(directory));
  if (formatted !== undefined && !request.ignoreFormatted) {
    throw new StartupError(
      ExitCode.BAD_CONFIGURATION,
      `Log directory ${formatted} is already formatted. ` +
        'Use --ignore-formatted to ignore this directory and format the others.',
    );
  }
  for (const directory of empty) {
    disk.makeDirectory(directory);
    replaceSmallFile(
      disk,
      joinPath(directory, BOOTSTRAP_FILE),
      bootstrapCheckpoint(request.metadataLevel, nowMs),
    );
    const identity = { clusterId: request.clusterId, nodeId: request.nodeId, directoryId: makeUuid(random) };
    writeMetaProperties(disk, directory, identity, javaDate(nowMs));
  }
  return empty;
}
