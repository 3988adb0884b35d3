/** A small volume in memory that a test fills to the last byte, and empties again. */
import { statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount } from './mounts.ts';
import { mountMemory } from './mounts.ts';

export const FULL_NEEDS = 'a full disk needs root and tmpfs';

export class SmallVolume {
  readonly #mount: Mount;

  private constructor(mount: Mount) {
    this.#mount = mount;
  }

  /** Null where this machine can't do it. */
  static make(sizeMiB: number): SmallVolume | null {
    const mount = mountMemory(sizeMiB);
    return mount === null ? null : new SmallVolume(mount);
  }

  /** Where the broker puts its data. */
  get dataDir(): string {
    return join(this.#mount.dir, 'data');
  }

  #usableBytes(): number {
    const { bavail, bsize } = statfsSync(this.#mount.dir);
    return bavail * bsize;
  }

  /** Leaves no free byte on the volume. */
  fill(): void {
    while (this.#usableBytes() > 0) {
      try {
        writeFileSync(this.#ballast, Buffer.alloc(this.#usableBytes()), { flag: 'a' });
      } catch {
        return;
      }
    }
  }

  empty(): void {
    writeFileSync(this.#ballast, '');
  }

  get #ballast(): string {
    return join(this.#mount.dir, 'ballast');
  }

  unmount(): void {
    this.#mount.unmount();
  }
}
