/**
 * Snapshots of the metadata log as files beside its segments (KIP-630).
 *
 *   <20-digit endOffset>-<10-digit epoch>.checkpoint               whole and durable
 *   <20-digit endOffset>-<10-digit epoch>-<random>.checkpoint.part being written; removed at start
 *   <20-digit endOffset>-<10-digit epoch>.checkpoint.deleted       no longer needed; removed after a while
 *   <20-digit endOffset>-<10-digit epoch>.checkpoint.damaged       could not be read and was not needed; kept
 *
 * Content: a control batch with the header at offset 0, batches of records numbered on from 1, a control batch with
 * the footer. All carry the epoch of the snapshot.
 *
 * Always true: a file gets its final name after its bytes are on disk, and the name is on disk before anyone is told.
 */

import { assert } from '../../protocol/assert.ts';
import { ControlType, controlTypeOf } from '../../protocol/batch/control.ts';
import {
  baseOffset,
  batchPositions,
  isControl,
  isCrcValid,
  iterateRecords,
  lastOffset,
  maxTimestamp,
  sizeInBytes,
} from '../../protocol/batch.ts';
import { decodeMessage, encodeMessage } from '../../protocol/codec.ts';
import { MalformedMessage } from '../../protocol/errors.ts';
import { SnapshotFooterRecord, SnapshotHeaderRecord } from '../../protocol/records/control.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import { decodeMetadataRecord } from '../../protocol/records/metadata.ts';
import type { Disk, DiskFile } from '../../storage/disk.ts';
import { joinPath, offsetName } from '../../storage/layout.ts';
import { MAX_MENDED_BYTES, mendOneBit } from '../../storage/mend-batch.ts';
import { readSmallFile } from '../../storage/small-file.ts';
import type { LoadedSnapshot } from '../metadata/replayer.ts';
import { compareSnapshots, sameSnapshot } from '../raft/log-view.ts';
import type { SnapshotId } from '../raft/messages.ts';
import { ExitCode, StartupError } from '../startup-error.ts';
import { buildControlBatch, buildMetadataBatch } from './raft-log.ts';

const NAME = /^(\d{20})-(\d{10})(?:-\d+)?\.checkpoint(\.part|\.deleted)?$/;
const RECORDS_PER_BATCH = 1000;
const EPOCH_DIGITS = 10;

/** What goes into a snapshot. */
export interface SnapshotContents {
  readonly id: SnapshotId;
  readonly lastContainedLogTimestampMs: number;
  readonly records: Iterable<MetadataRecord>;
  /** Level of metadata.version, which decides the versions of the records. */
  readonly metadataLevel: number;
}

/** After the name of a snapshot that can't be read: nobody takes it for one, and its bytes are kept. */
export const DAMAGED_SUFFIX = '.damaged';

export const snapshotName = (id: SnapshotId): string =>
  `${offsetName(id.endOffset)}-${String(id.epoch).padStart(EPOCH_DIGITS, '0')}.checkpoint`;

/** The batches of a snapshot, one at a time so that a large one need not be in memory whole. */
export function* snapshotBatches(contents: SnapshotContents, nowMs: number): Generator<Buffer> {
  const { epoch } = contents.id;
  const header = encodeMessage(SnapshotHeaderRecord, 0, {
    version: 0,
    lastContainedLogTimestamp: contents.lastContainedLogTimestampMs,
  });
  yield buildControlBatch(ControlType.SNAPSHOT_HEADER, header, { baseOffset: 0, epoch, nowMs });
  let baseOffset = 1;
  let records: MetadataRecord[] = [];
  const batch = () => buildMetadataBatch(records, contents.metadataLevel, { baseOffset, epoch, nowMs });
  for (const record of contents.records) {
    records.push(record);
    if (records.length === RECORDS_PER_BATCH) {
      yield batch();
      baseOffset += records.length;
      records = [];
    }
  }
  if (records.length > 0) {
    yield batch();
    baseOffset += records.length;
  }
  const footer = encodeMessage(SnapshotFooterRecord, 0, { version: 0 });
  yield buildControlBatch(ControlType.SNAPSHOT_FOOTER, footer, { baseOffset, epoch, nowMs });
}

/**
 * Reads the bytes of a snapshot or of bootstrap.checkpoint.
 * @throws {MalformedMessage} when a batch is damaged, or header or footer are missing
 */
export function readSnapshotBytes(bytes: Buffer): {
  readonly lastContainedLogTimestampMs: number;
  readonly records: MetadataRecord[];
} {
  const records: MetadataRecord[] = [];
  let lastContainedLogTimestampMs: number | null = null;
  let hasFooter = false;
  let end = 0;
  for (const position of batchPositions(bytes)) {
    if (!isCrcValid(bytes, position) || hasFooter) {
      break;
    }
    end = position + sizeInBytes(bytes, position);
    for (const { key, value } of iterateRecords(bytes, position)) {
      if (value === null) {
        throw new MalformedMessage('A snapshot holds a record without a value.');
      }
      if (!isControl(bytes, position)) {
        records.push(decodeMetadataRecord(value));
      } else if (controlTypeOf(key) === ControlType.SNAPSHOT_HEADER) {
        lastContainedLogTimestampMs = decodeMessage(SnapshotHeaderRecord, 0, value).lastContainedLogTimestamp;
      } else if (controlTypeOf(key) === ControlType.SNAPSHOT_FOOTER) {
        hasFooter = true;
      }
    }
  }
  if (lastContainedLogTimestampMs === null || !hasFooter || end !== bytes.length) {
    throw new MalformedMessage('A snapshot is damaged or cut short.');
  }
  return { lastContainedLogTimestampMs, records };
}

/** The snapshot with one flipped bit in each of its damaged batches put right, or null where that is not possible. */
export function mendSnapshot(bytes: Buffer): Buffer | null {
  const mended = Buffer.from(bytes);
  let base = 0;
  for (let position = 0; position < mended.length; ) {
    const rest = mended.subarray(position);
    const isSound =
      batchPositions(rest).next().done !== true && isCrcValid(rest, 0) && baseOffset(rest, 0) === base;
    if (!isSound) {
      const batch = mendOneBit(rest.subarray(0, MAX_MENDED_BYTES), base);
      if (batch === null) return null;
      batch.copy(mended, position);
    }
    base = lastOffset(rest, 0) + 1;
    position += sizeInBytes(rest, 0);
  }
  return mended;
}

/** The whole snapshots in a directory by their names, the oldest first. */
export function snapshotsIn(disk: Disk, directory: string): SnapshotId[] {
  const matches = disk.list(directory).map(({ name }) => NAME.exec(name));
  return matches
    .flatMap((match) =>
      match === null || match[3] !== undefined
        ? []
        : [{ endOffset: Number(match[1]), epoch: Number(match[2]) }],
    )
    .toSorted(compareSnapshots);
}

function readWhole(bytes: Buffer, path: string): ReturnType<typeof readSnapshotBytes> {
  try {
    return readSnapshotBytes(bytes);
  } catch (error) {
    throw new StartupError(
      ExitCode.STATE_UNREADABLE,
      `The snapshot ${path} can't be read: restore it from a backup, or from another node of the cluster.`,
      { cause: error },
    );
  }
}

/**
 * The records that `format` left for a new cluster, or null where the file is missing.
 * @throws {StartupError} when the file is damaged
 */
export function readBootstrapRecords(disk: Disk, path: string): MetadataRecord[] | null {
  const bytes = readSmallFile(disk, path);
  return bytes === null ? null : readWhole(bytes, path).records;
}

interface Incoming {
  readonly id: SnapshotId;
  readonly path: string;
  readonly file: DiskFile;
  position: number;
}

export class SnapshotStore {
  readonly #disk: Disk;
  readonly directory: string;
  readonly #random: () => number;
  #ids: SnapshotId[] = [];
  #incoming: Incoming | null = null;

  /** Finds the snapshots in `directory`, and removes leftovers and those below the log start. */
  constructor(disk: Disk, directory: string, logStartOffset: number, random: () => number) {
    this.#disk = disk;
    this.directory = directory;
    this.#random = random;
    for (const { name } of disk.list(directory)) {
      const match = NAME.exec(name);
      if (match !== null) {
        const id = { endOffset: Number(match[1]), epoch: Number(match[2]) };
        if (match[3] !== undefined || id.endOffset < logStartOffset) {
          disk.removeNow(joinPath(directory, name));
        } else {
          this.#ids.push(id);
        }
      }
    }
    this.#ids.sort(compareSnapshots);
  }

  /** The oldest first. */
  get ids(): readonly SnapshotId[] {
    return this.#ids;
  }

  get latest(): SnapshotId | null {
    return this.#ids.at(-1) ?? null;
  }

  sizeBytes(id: SnapshotId): number {
    return this.#disk.status(this.#path(id))?.sizeBytes ?? 0;
  }

  /** Bytes from `position` on, or null where the snapshot is not there. */
  slice(id: SnapshotId, position: number, maxBytes: number): Buffer | null {
    if (!this.#ids.some((known) => sameSnapshot(known, id))) {
      return null;
    }
    const file = this.#disk.open(this.#path(id), false);
    try {
      const length = Math.max(0, Math.min(maxBytes, file.sizeBytes() - position));
      const bytes = Buffer.allocUnsafe(length);
      return bytes.subarray(0, length === 0 ? 0 : file.read(bytes, position));
    } finally {
      file.close();
    }
  }

  /** @throws {StartupError} when the file is damaged */
  load(id: SnapshotId): LoadedSnapshot {
    const path = this.#path(id);
    const bytes = readSmallFile(this.#disk, path);
    assert(bytes !== null, 'A snapshot that is listed has a file.');
    const { lastContainedLogTimestampMs, records } = readWhole(bytes, path);
    return { lastContainedOffset: id.endOffset - 1, epoch: id.epoch, lastContainedLogTimestampMs, records };
  }

  /** When the last record in it was appended; read from the header alone. 0 where that is damaged. */
  lastContainedLogTimestampMs(id: SnapshotId): number {
    const head = this.slice(id, 0, 1024) ?? Buffer.alloc(0);
    for (const position of batchPositions(head)) {
      if (!isCrcValid(head, position)) return 0;
      for (const { key, value } of iterateRecords(head, position)) {
        if (value !== null && controlTypeOf(key) === ControlType.SNAPSHOT_HEADER) {
          return decodeMessage(SnapshotHeaderRecord, 0, value).lastContainedLogTimestamp;
        }
      }
      return maxTimestamp(head, position);
    }
    return 0;
  }

  /** Writes a snapshot; durable under its name when it resolves. */
  async write(contents: SnapshotContents, nowMs: number): Promise<void> {
    const path = this.#partPath(contents.id);
    const file = this.#disk.open(path, true);
    try {
      let position = 0;
      for (const batch of snapshotBatches(contents, nowMs)) {
        file.write([batch], position);
        position += batch.length;
      }
      await file.sync();
    } catch (error) {
      this.#disk.removeNow(path);
      throw error;
    } finally {
      file.close();
    }
    await this.#publish(path, contents.id);
  }

  /** Takes the next slice of a snapshot that the leader sends. `last` resolves when the whole is durable. */
  async receive(id: SnapshotId, position: number, bytes: Uint8Array, last: boolean): Promise<void> {
    let incoming = this.#incoming;
    if (position === 0) {
      this.dropIncoming();
      const path = this.#partPath(id);
      incoming = { id, path, file: this.#disk.open(path, true), position: 0 };
      this.#incoming = incoming;
    }
    assert(incoming !== null && sameSnapshot(incoming.id, id), 'Slices belong to the snapshot under way.');
    assert(incoming.position === position, 'Slices follow one on the other.');
    incoming.file.write([bytes], position);
    incoming.position += bytes.length;
    if (last) {
      this.#incoming = null;
      await incoming.file.sync();
      incoming.file.close();
      await this.#publish(incoming.path, id);
    }
  }

  dropIncoming(): void {
    if (this.#incoming !== null) {
      this.#incoming.file.close();
      this.#disk.removeNow(this.#incoming.path);
      this.#incoming = null;
    }
  }

  /** Forgets the snapshots before `id` and renames their files; gives the paths to remove later. */
  forgetBefore(id: SnapshotId): string[] {
    const old = this.#ids.filter((known) => compareSnapshots(known, id) < 0);
    this.#ids = this.#ids.filter((known) => compareSnapshots(known, id) >= 0);
    return old.map((known) => {
      const path = `${this.#path(known)}.deleted`;
      this.#disk.rename(this.#path(known), path);
      return path;
    });
  }

  removeNow(path: string): void {
    this.#disk.removeNow(path);
  }

  async #publish(partPath: string, id: SnapshotId): Promise<void> {
    this.#disk.rename(partPath, this.#path(id));
    await this.#disk.syncDirectory(this.directory);
    if (!this.#ids.some((known) => sameSnapshot(known, id))) {
      this.#ids.push(id);
      this.#ids.sort(compareSnapshots);
    }
  }

  #path(id: SnapshotId): string {
    return joinPath(this.directory, snapshotName(id));
  }

  #partPath(id: SnapshotId): string {
    const unique = Math.floor(this.#random() * 2 ** 48);
    return joinPath(this.directory, snapshotName(id).replace('.checkpoint', `-${unique}.checkpoint.part`));
  }
}
