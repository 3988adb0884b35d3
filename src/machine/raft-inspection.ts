/**
 * A look at the files of the metadata log before anything is changed: can this node start on them, and with what?
 *
 * The metadata exists twice, as snapshots and as the log, and one stands in for the other where they overlap. Judged is
 * what a start would go on from: the newest snapshot that can be read, and the log from there on.
 *
 * - One flipped bit in a batch is mended: its checksum tells which it was.
 * - Bytes that are no batch with whole ones behind them are damage, unless they were never written: a power cut leaves
 *   blocks of zeros, and what lies behind was not promised to anybody either. Nothing below the offset that is known to
 *   be committed counts as never written.
 * - Bytes that are no batch with nothing behind them are a write that the power cut short.
 * - Damage below the end of a snapshot that can be read costs nothing: the log begins at the snapshot then.
 *
 * Always true: nothing is written here; where committed records would be missing the start is refused with a sentence
 * that names file and position, and every file is as it was. (Apache Kafka 3.7.0 cuts the log at the damage, with all
 * that was committed behind it.)
 */
import {
  BATCH_HEADER_SIZE,
  isControl,
  lastOffset,
  partitionLeaderEpoch,
  sizeInBytes,
} from '../../protocol/batch.ts';
import { BatchScanner, SCAN_CHUNK_BYTES } from '../../storage/batch-scanner.ts';
import { offsetIn, readOffsetCheckpoint } from '../../storage/checkpoint.ts';
import type { Disk, DiskFile } from '../../storage/disk.ts';
import {
  joinPath,
  LOG_SUFFIX,
  offsetOfFileName,
  RECOVERY_POINT_FILE,
  REPLICATION_OFFSET_FILE,
} from '../../storage/layout.ts';
import { hasUnwrittenBlock, mendInFile } from '../../storage/mend-batch.ts';
import { readSmallFile } from '../../storage/small-file.ts';
import { soundAfter } from '../../storage/sound-batch.ts';
import type { EpochStart } from '../raft/log-view.ts';
import type { SnapshotId } from '../raft/messages.ts';
import { ExitCode, StartupError } from '../startup-error.ts';
import type { Mend } from './raft-epoch-trail.ts';
import { EpochTrail } from './raft-epoch-trail.ts';
import { mendSnapshot, readSnapshotBytes, snapshotName, snapshotsIn } from './raft-snapshots.ts';
import { METADATA_PARTITION, METADATA_TOPIC } from './raft-wire.ts';

export interface MetadataFindings {
  /** No metadata was ever written: neither a snapshot nor a record other than Raft's own. */
  readonly isEmpty: boolean;
  /** Where the log's whole batches end; what stands behind is a torn write. */
  readonly endOffset: number;
  /** The end of the snapshot that stands for damaged records of the log, or 0. */
  readonly startOffset: number;
  /** Which epoch begins where, as the batches tell. */
  readonly epochs: readonly EpochStart[];
  readonly mends: readonly Mend[];
  /** Paths of snapshots that can't be read and are not needed. */
  readonly damagedSnapshots: readonly string[];
  /** What an operator should hear. */
  readonly notes: readonly string[];
}

/** Files that tell how far the metadata log was committed; two, so that a flipped bit in one of them is noticed. */
export const COMMITTED_FILES = [RECOVERY_POINT_FILE, REPLICATION_OFFSET_FILE] as const;

/** Bytes that are no batch, between those that are. */
interface Hole {
  readonly path: string;
  readonly position: number;
  /** Offsets that are missing. */
  readonly from: number;
  readonly to: number;
  /** As a power cut leaves it. */
  readonly isUnwritten: boolean;
}

/**
 * @param directory that of the log, `__cluster_metadata-0`
 * @throws {StartupError} when committed metadata would be missing
 * @throws {DiskError}
 */
export function inspectMetadata(disk: Disk, directory: string): MetadataFindings {
  if (disk.status(directory) === null) {
    return {
      isEmpty: true,
      endOffset: 0,
      startOffset: 0,
      epochs: [],
      mends: [],
      damagedSnapshots: [],
      notes: [],
    };
  }
  return new Inspection(disk, directory).run();
}

class Inspection {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #mends: Mend[] = [];
  readonly #notes: string[] = [];
  readonly #holes: Hole[] = [];
  readonly #epochs = new EpochTrail((mend) => this.#mends.push(mend));
  readonly #damagedSnapshots: string[] = [];
  #hasRecords = false;
  #firstOffset = 0;
  #endOffset = 0;
  #lastPath: string;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
    this.#lastPath = directory;
  }

  run(): MetadataFindings {
    const snapshots = snapshotsIn(this.#disk, this.#directory);
    const committed = Math.max(this.#committedOffset(), ...snapshots.map(({ endOffset }) => endOffset));
    this.#walkSegments();
    this.#epochs.end();
    this.#cutAtUnwritten(committed);
    const base = this.#newestReadable(snapshots);
    const baseOffset = base?.endOffset ?? 0;
    this.#refuseLoss(baseOffset, committed);
    const covered = this.#holes.filter(({ to }) => to <= baseOffset);
    for (const { path, position, from } of covered) {
      this.#notes.push(
        `${path} is damaged at byte ${position} (offset ${from}); a snapshot holds what stood there`,
      );
    }
    return {
      isEmpty: !this.#hasRecords && snapshots.length === 0,
      endOffset: this.#endOffset,
      startOffset: covered.length > 0 && baseOffset <= this.#endOffset ? baseOffset : 0,
      epochs: this.#epochs.starts,
      mends: this.#mends,
      damagedSnapshots: this.#damagedSnapshots,
      notes: [
        ...this.#notes,
        ...this.#mends.map(({ path, position, what }) => `${path}, byte ${position}: ${what}`),
      ],
    };
  }

  /** Below it everything was committed and synced. */
  #committedOffset(): number {
    const offsets = COMMITTED_FILES.map((name) => {
      const read = readOffsetCheckpoint(this.#disk, joinPath(this.#directory, name));
      return read.status === 'present'
        ? (offsetIn(read.offsets, METADATA_TOPIC, METADATA_PARTITION) ?? 0)
        : 0;
    });
    return Math.min(...offsets);
  }

  #newestReadable(snapshots: readonly SnapshotId[]): SnapshotId | null {
    for (const id of snapshots.toReversed()) {
      const path = joinPath(this.#directory, snapshotName(id));
      const bytes = readSmallFile(this.#disk, path) ?? Buffer.alloc(0);
      if (isReadable(bytes)) return id;
      const mended = mendSnapshot(bytes);
      if (mended !== null && isReadable(mended)) {
        this.#mends.push({
          path,
          position: 0,
          bytes: mended,
          what: 'a bit of the snapshot was flipped, and is put right',
        });
        return id;
      }
      this.#damagedSnapshots.push(path);
    }
    return null;
  }

  #refuseLoss(baseOffset: number, committed: number): void {
    const [damaged] = this.#damagedSnapshots;
    if (baseOffset < this.#firstOffset) {
      const snapshot =
        damaged === undefined ? 'there is no snapshot' : `the snapshot ${damaged} can't be read`;
      throw refusal(
        `The metadata log in ${this.#directory} begins at offset ${this.#firstOffset}, and ${snapshot} of what came before`,
      );
    }
    const hole = this.#holes.find(({ to }) => to > baseOffset);
    if (hole !== undefined) {
      throw refusal(
        `The metadata log ${hole.path} is damaged at byte ${hole.position}, where the record with offset ` +
          `${hole.from} stood, and other records follow it`,
      );
    }
    if (this.#endOffset < committed && baseOffset < committed) {
      throw refusal(
        `The metadata log ${this.#lastPath} ends at offset ${this.#endOffset}, but was committed up to ${committed}`,
      );
    }
    for (const path of this.#damagedSnapshots) {
      this.#notes.push(`${path} can't be read and is set aside: older files hold the same`);
    }
  }

  // ---- the log

  #walkSegments(): void {
    const bases = this.#disk
      .list(this.#directory)
      .map(({ name }) => ({ name, base: offsetOfFileName(name, LOG_SUFFIX) }))
      .filter(({ base }) => base >= 0)
      .toSorted((a, b) => a.base - b.base);
    this.#firstOffset = bases[0]?.base ?? 0;
    this.#endOffset = this.#firstOffset;
    for (const [index, { name, base }] of bases.entries()) {
      // One that begins below was left by an interrupted truncation, and so were those after it.
      if (base < this.#endOffset) return;
      if (base > this.#endOffset) this.#missing(base);
      const path = joinPath(this.#directory, name);
      this.#lastPath = path;
      const file = this.#disk.open(path, false);
      try {
        this.#walkSegment(path, file, bases[index + 1]?.base ?? Number.POSITIVE_INFINITY);
      } finally {
        file.close();
      }
    }
  }

  /** The segment before is shorter than the next one's name says: it was cut, never written out, or is damaged. */
  #missing(to: number): void {
    const position = this.#disk.status(this.#lastPath)?.sizeBytes ?? 0;
    const tail = this.#tornTail ?? { position, isUnwritten: true };
    this.#holes.push({ path: this.#lastPath, from: this.#endOffset, to, ...tail });
    this.#endOffset = to;
  }

  /** What stands behind the last batch of the segment that was walked last. */
  #tornTail: { readonly position: number; readonly isUnwritten: boolean } | null = null;

  #walkSegment(path: string, file: DiskFile, boundOffset: number): void {
    const size = file.sizeBytes();
    this.#tornTail = null;
    for (let position = 0; position < size; ) {
      position = this.#walkSound(path, file, position, size);
      if (position >= size) return;
      const mended = mendInFile(file, position, size, this.#endOffset);
      if (mended !== null) {
        const what = `a bit of the batch at offset ${this.#endOffset} was flipped, and is put right`;
        this.#mends.push({ path, position, bytes: mended, what });
        this.#took(path, position, mended, 0);
        position += mended.length;
        continue;
      }
      const from = this.#endOffset;
      const searched = { file, end: size, trustedFrom: size, firstOffset: from, boundOffset };
      const found = soundAfter(searched, position, from);
      if (found === null) {
        const isCut = isCutShort(file, position, size);
        this.#tornTail = { position, isUnwritten: isCut || hasUnwrittenBlock(file, position, size) };
        return;
      }
      const isUnwritten = hasUnwrittenBlock(file, position, found.position);
      this.#holes.push({ path, position, from, to: found.base, isUnwritten });
      this.#endOffset = found.base;
      ({ position } = found);
    }
  }

  /** Passes over batches that are whole and follow one on the other; where they end. */
  #walkSound(path: string, file: DiskFile, start: number, size: number): number {
    const scanner = new BatchScanner(file, start, size, { chunkBytes: SCAN_CHUNK_BYTES });
    while (scanner.next()) {
      if (scanner.baseOffset !== this.#endOffset || !scanner.isIntact()) break;
      this.#took(path, scanner.position, scanner.buffer, scanner.at);
    }
    return scanner.position;
  }

  #took(path: string, position: number, buffer: Buffer, at: number): void {
    const epoch = partitionLeaderEpoch(buffer, at);
    const isRaftsOwn = isControl(buffer, at);
    this.#hasRecords ||= !isRaftsOwn;
    this.#epochs.add({ path, position, base: this.#endOffset, epoch, isControl: isRaftsOwn });
    this.#endOffset = lastOffset(buffer, at) + 1;
  }

  /** A power cut may keep later writes and lose earlier ones: nothing from there on was promised. */
  #cutAtUnwritten(committed: number): void {
    const index = this.#holes.findIndex(({ from, isUnwritten }) => isUnwritten && from >= committed);
    const hole = this.#holes[index];
    if (hole === undefined) return;
    this.#holes.length = index;
    this.#endOffset = hole.from;
    this.#epochs.cutAt(hole.from);
    const isKept = ({ path, position }: Mend): boolean =>
      path < hole.path || (path === hole.path && position < hole.position);
    this.#mends.splice(0, this.#mends.length, ...this.#mends.filter(isKept));
  }
}

function refusal(what: string): StartupError {
  return new StartupError(
    ExitCode.STATE_UNREADABLE,
    `${what}: metadata would be lost, so the node does not start and nothing was changed; restore the files of that ` +
      'directory from a backup or from another node of the cluster.',
  );
}

function isReadable(bytes: Buffer): boolean {
  try {
    readSnapshotBytes(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Whether the batch that begins there is longer than the file. */
function isCutShort(file: DiskFile, position: number, size: number): boolean {
  const header = Buffer.alloc(BATCH_HEADER_SIZE);
  const isWhole = file.read(header, position) === BATCH_HEADER_SIZE;
  return !isWhole || position + sizeInBytes(header, 0) > size;
}
