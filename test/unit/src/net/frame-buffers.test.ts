import { describe, expect, test } from 'vitest';
import type { FrameHolder } from '../../../../src/net/frame-buffers.ts';
import { capacityFor, FrameBuffers } from '../../../../src/net/frame-buffers.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

function setUp(budgetBytes = 8 * MIB) {
  const time = { nowMs: 0 };
  const buffers = new FrameBuffers({
    budgetBytes,
    pooledBytes: 4 * MIB,
    stalledMs: 1000,
    nowMs: () => time.nowMs,
    isPoisoned: true,
  });
  return { time, buffers };
}

/** A connection that keeps a buffer, and takes a bigger one when told that there may be room. */
class Holder implements FrameHolder {
  progressMs = 0;
  isEvicted = false;
  buffer: Buffer | null = null;
  readonly #buffers: FrameBuffers;
  wanted = 0;

  constructor(buffers: FrameBuffers) {
    this.#buffers = buffers;
  }

  grow(capacity: number): boolean {
    this.wanted = capacity;
    const grown = this.#buffers.acquire(this, capacity);
    if (grown === null) return false;
    if (this.buffer !== null) this.#buffers.recycle(this.buffer);
    this.buffer = grown;
    return true;
  }

  retryGrowth(): void {
    this.grow(this.wanted);
  }

  evict(): void {
    this.isEvicted = true;
    this.release();
  }

  release(): void {
    this.#buffers.discharge(this);
    if (this.buffer !== null) this.#buffers.recycle(this.buffer);
    this.buffer = null;
  }
}

describe('the capacity for a frame', () => {
  test.each([
    [100 * MIB, 0, KIB],
    [100 * MIB, 4, KIB],
    [100 * MIB, 10 * KIB, 40 * KIB],
    [100 * MIB, 16 * KIB, 64 * KIB],
    [100 * MIB, 200 * KIB, MIB],
    [100 * MIB, 5 * MIB, 20 * MIB],
    [100 * MIB, 30 * MIB, 100 * MIB],
    [500, 0, 500],
    [70 * KIB, 60 * KIB, 256 * KIB],
    [30 * KIB, 20 * KIB, 30 * KIB],
  ])('of %i bytes of which %i are there is %i', (frameBytes, arrivedBytes, capacity) => {
    expect(capacityFor(frameBytes, arrivedBytes)).toBe(capacity);
  });
});

describe('frame buffers', () => {
  test('are used again, poisoned, up to the size of the pool', () => {
    const { buffers } = setUp();
    const holder = new Holder(buffers);
    holder.grow(MIB);
    const first = holder.buffer;
    first?.fill(1);
    holder.release();
    expect(first?.every((byte) => byte === 0xdb)).toBe(true);
    holder.grow(MIB);
    expect(holder.buffer).toBe(first);
    holder.release();
    const many = Array.from({ length: 7 }, () => new Holder(buffers));
    for (const other of many) expect(other.grow(MIB)).toBe(true);
    for (const other of many) other.release();
    expect(buffers.idleBytes).toBe(4 * MIB);
    expect(buffers.heldBytes).toBe(0);
    for (let i = 0; i < 4; i++) buffers.tick();
    expect(buffers.idleBytes).toBe(0);
  });

  test('grant every frame its fair share beyond the budget', () => {
    const { buffers } = setUp();
    const big = new Holder(buffers);
    expect(big.grow(8 * MIB)).toBe(true);
    const small = new Holder(buffers);
    expect(small.grow(4 * MIB)).toBe(true);
    const third = new Holder(buffers);
    expect(third.grow(4 * MIB)).toBe(false);
    expect(third.grow(MIB)).toBe(true);
  });

  test('let a frame above its share wait until another is done', () => {
    const { buffers } = setUp();
    const one = new Holder(buffers);
    const two = new Holder(buffers);
    one.grow(6 * MIB);
    two.grow(MIB);
    expect(two.grow(5 * MIB)).toBe(false);
    expect(buffers.waitingCount).toBe(1);
    one.release();
    expect(two.buffer?.length).toBe(5 * MIB);
    expect(buffers.waitingCount).toBe(0);
  });

  test('are taken from the biggest frame that has stalled', () => {
    const { buffers, time } = setUp();
    const [stalled, bigger, lively, asking] = Array.from({ length: 4 }, () => new Holder(buffers));
    stalled?.grow(MIB);
    bigger?.grow(3 * MIB);
    lively?.grow(4 * MIB);
    time.nowMs = 5000;
    if (lively !== undefined) lively.progressMs = 4900;
    expect(asking?.grow(3 * MIB)).toBe(true);
    expect([stalled, bigger, lively].map((holder) => holder?.isEvicted)).toEqual([false, true, false]);
    expect(buffers.evictions).toBe(1);
  });

  test('never let all frames wait for each other', () => {
    const { buffers } = setUp();
    const one = new Holder(buffers);
    const two = new Holder(buffers);
    one.grow(4 * MIB);
    two.grow(4 * MIB);
    expect(one.grow(6 * MIB)).toBe(false);
    expect(two.grow(6 * MIB)).toBe(true);
    two.release();
    expect(one.buffer?.length).toBe(6 * MIB);
  });
});
