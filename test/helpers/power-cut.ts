/**
 * Cutting the power of a broker: its data directory lies on an ext4 image, which is copied while the process is held
 * still. What the copy holds is what a disk would hold after the power had gone; file data that was only in the page
 * cache is not in it. Another broker starts on the copy.
 */
import { constants, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrokerProcess } from './broker-process.ts';
import { startBroker } from './broker-process.ts';
import type { History } from './history-load.ts';
import { check, copyHistory } from './history-load.ts';
import type { Mount } from './mounts.ts';
import { makeImage, mountImage } from './mounts.ts';

const SIZE_MIB = 192;

export const POWER_NEEDS = 'cutting the power of a file system needs root, mkfs.ext4 and loop devices';

/** Small segments and frequent checkpoints, so that a cut meets them all. */
const overrides = {
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.num.partitions': '1',
  'log.segment.bytes': '100000',
  'log.index.size.max.bytes': '8192',
  'log.flush.offset.checkpoint.interval.ms': '200',
  'metadata.log.max.snapshot.interval.ms': '500',
};

export class PoweredBroker {
  readonly #scratch: string;
  readonly #image: string;
  readonly #volume: Mount;
  #broker: BrokerProcess | null = null;

  private constructor(scratch: string, image: string, volume: Mount) {
    this.#scratch = scratch;
    this.#image = image;
    this.#volume = volume;
  }

  /** Null where this machine can't do it. */
  static make(): PoweredBroker | null {
    const scratch = mkdtempSync(join(tmpdir(), 'sordini-power-'));
    const image = join(scratch, 'disk.img');
    const volume = makeImage(image, SIZE_MIB) ? mountImage(image) : null;
    if (volume !== null) return new PoweredBroker(scratch, image, volume);
    rmSync(scratch, { recursive: true, force: true });
    return null;
  }

  /** The port of the broker that keeps its power. */
  async start(): Promise<number> {
    this.#broker = await startBroker({ dir: join(this.#volume.dir, 'data'), overrides });
    return this.#broker.port;
  }

  /** Cuts the power now; what the history holds must be there in a broker on what is left. */
  async cut(history: History, partitions: number): Promise<void> {
    const pid = this.#broker?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    const known = copyHistory(history);
    const copy = join(this.#scratch, 'cut.img');
    copyFileSync(this.#image, copy, constants.COPYFILE_FICLONE);
    process.kill(pid, 'SIGCONT');
    await survives(copy, known, partitions);
    rmSync(copy);
  }

  async close(): Promise<void> {
    await this.#broker?.stop();
    this.#volume.unmount();
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}

async function survives(copy: string, known: History, partitions: number): Promise<void> {
  const mounted = mountImage(copy);
  if (mounted === null) throw new Error('the copied image can not be mounted');
  try {
    const second = await startBroker({ dir: join(mounted.dir, 'data'), overrides });
    try {
      await check(second.port, known, partitions);
    } finally {
      await second.kill();
    }
  } finally {
    mounted.unmount();
  }
}
