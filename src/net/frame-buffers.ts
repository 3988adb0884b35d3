/**
 * Memory for frames that did not arrive in one read: a pool of size classes and one budget for all connections.
 *
 * Always true:
 * - Nothing is allocated because a client merely announced it: a buffer is at most four times what has arrived, or
 *   1 KiB.
 * - A stalled frame cannot deafen others. While the budget lasts all requests are granted; beyond it every frame is
 *   still granted its fair share, the budget divided by the frames under way. More than that waits, and the biggest
 *   of the frames that have stalled are evicted to make room.
 * - When all holders wait, one is granted, so that there is always progress.
 * - A pooled buffer is owned by one connection at a time.
 */
import { assert } from '../../protocol/assert.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Pooled sizes. Smaller buffers are cheap to make, bigger ones too rare to keep. */
const classes = [64 * KIB, 256 * KIB, MIB, 4 * MIB] as const;
const SMALLEST_BYTES = KIB;
const UNCHARGED_BYTES = classes[0];
/** Evicting frames below this would cost clients their connections and gain nothing. */
const EVICTABLE_BYTES = 256 * KIB;
const POISON = 0xdb;

/** A connection with a frame under way. */
export interface FrameHolder {
  /** Monotonic time at which the frame last grew. */
  readonly progressMs: number;
  /** Memory may be there now: the holder asks again. */
  retryGrowth(): void;
  /** The connection is closed for the sake of others; it releases its buffer before this returns. */
  evict(): void;
}

export interface FrameBuffersOptions {
  /** Sum of the frames under way, all connections together. */
  readonly budgetBytes: number;
  /** Idle memory kept for reuse. */
  readonly pooledBytes: number;
  /** A frame that has not grown for this long may be evicted when others need its memory. */
  readonly stalledMs: number;
  readonly nowMs: () => number;
  /** Tests: overwrite buffers that come back, so that a view that outlived its frame shows. */
  readonly isPoisoned: boolean;
}

/** The capacity for a frame of `frameBytes` of which `arrivedBytes` are there. */
export function capacityFor(frameBytes: number, arrivedBytes: number): number {
  const wanted = Math.min(frameBytes, Math.max(SMALLEST_BYTES, arrivedBytes * 4));
  if (wanted < UNCHARGED_BYTES) return wanted;
  for (const size of classes) if (wanted <= size) return size;
  return Math.min(frameBytes, Math.ceil(wanted / MIB) * MIB);
}

export class FrameBuffers {
  readonly #options: FrameBuffersOptions;
  readonly #idle = new Map<number, Buffer[]>(classes.map((size) => [size, []]));
  /** Charged bytes of each connection that has a large frame under way. */
  readonly #held = new Map<FrameHolder, number>();
  readonly #waiting = new Set<FrameHolder>();
  #idleBytes = 0;
  #heldBytes = 0;
  #evictions = 0;

  constructor(options: FrameBuffersOptions) {
    this.#options = options;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get idleBytes(): number {
    return this.#idleBytes;
  }

  get waitingCount(): number {
    return this.#waiting.size;
  }

  get evictions(): number {
    return this.#evictions;
  }

  /**
   * A buffer of `capacity` bytes for `holder`, replacing the one it has; or null, and then `retryGrowth` is called
   * later. The old buffer stays the holder's until it gives it to `recycle`.
   */
  acquire(holder: FrameHolder, capacity: number): Buffer | null {
    if (capacity > UNCHARGED_BYTES) {
      const before = this.#held.get(holder) ?? 0;
      if (!this.#isGranted(holder, capacity, before)) {
        this.#waiting.add(holder);
        return null;
      }
      this.#heldBytes += capacity - before;
      this.#held.set(holder, capacity);
    }
    this.#waiting.delete(holder);
    return this.#take(capacity);
  }

  /** The holder's frame is finished or given up: its charge ends. Its buffer goes to `recycle`. */
  discharge(holder: FrameHolder): void {
    this.#waiting.delete(holder);
    const bytes = this.#held.get(holder);
    if (bytes === undefined) return;
    this.#held.delete(holder);
    this.#heldBytes -= bytes;
    assert(this.#heldBytes >= 0, 'frame buffers are released once');
    this.#wake();
  }

  /** Takes a buffer back. The caller must not touch it again. */
  recycle(buffer: Buffer): void {
    if (this.#options.isPoisoned) buffer.fill(POISON);
    const idle = this.#idle.get(buffer.length);
    if (idle === undefined || this.#idleBytes + buffer.length > this.#options.pooledBytes) return;
    idle.push(buffer);
    this.#idleBytes += buffer.length;
  }

  /** Called once a second or so: retries those that wait, and gives idle memory back bit by bit. */
  tick(): void {
    this.#wake();
    for (const [size, idle] of this.#idle) {
      if (idle.pop() !== undefined) this.#idleBytes -= size;
    }
  }

  #take(capacity: number): Buffer {
    const pooled = this.#idle.get(capacity)?.pop();
    if (pooled === undefined) return Buffer.allocUnsafeSlow(capacity);
    this.#idleBytes -= capacity;
    return pooled;
  }

  #isGranted(holder: FrameHolder, capacity: number, before: number): boolean {
    const { budgetBytes } = this.#options;
    if (this.#heldBytes - before + capacity <= budgetBytes) return true;
    const holders = this.#held.size + (before === 0 ? 1 : 0);
    if (capacity <= budgetBytes / holders) return true;
    while (this.#evictStalled(holder)) {
      if (this.#heldBytes - before + capacity <= budgetBytes) return true;
    }
    // The holder itself is about to wait: if all others wait as well, nobody would ever move.
    for (const other of this.#held.keys()) {
      if (other !== holder && !this.#waiting.has(other)) return false;
    }
    return true;
  }

  /** Evicts the biggest frame that has not grown for long; small ones are left alone, they would free too little. */
  #evictStalled(requester: FrameHolder): boolean {
    const { stalledMs, nowMs } = this.#options;
    const stalledSinceMs = nowMs() - stalledMs;
    let victim: FrameHolder | null = null;
    let victimBytes = EVICTABLE_BYTES - 1;
    for (const [holder, bytes] of this.#held) {
      if (holder === requester || this.#waiting.has(holder)) continue;
      if (holder.progressMs > stalledSinceMs || bytes <= victimBytes) continue;
      victim = holder;
      victimBytes = bytes;
    }
    if (victim === null) return false;
    this.#evictions++;
    victim.evict();
    assert(!this.#held.has(victim), 'an evicted connection releases its frame');
    return true;
  }

  #wake(): void {
    for (const holder of [...this.#waiting]) {
      if (!this.#waiting.has(holder)) continue;
      holder.retryGrowth();
      // First come, first served: who is behind the one that must still wait waits, too.
      if (this.#waiting.has(holder)) return;
    }
  }
}
