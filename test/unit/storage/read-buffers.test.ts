import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openNodeDisk } from '../../../storage/disk.ts';
import { ReadBuffers } from '../../../storage/read-buffers.ts';

const KIB = 1024;

describe('read buffers', () => {
  test('a lease gives buffers of the length asked for, and what it returns is lent again', () => {
    const buffers = new ReadBuffers();
    const lease = buffers.lease();
    const first = lease.take(100 * KIB);
    expect(first.length).toBe(100 * KIB);
    expect(buffers.pooledBytes).toBe(0);
    lease.release();
    expect(buffers.pooledBytes).toBe(128 * KIB);
    const second = buffers.lease().take(65 * KIB);
    expect(second.buffer).toBe(first.buffer);
    expect(buffers.pooledBytes).toBe(0);
  });

  test('two leases never share a buffer', () => {
    const buffers = new ReadBuffers();
    const one = buffers.lease();
    one.take(16 * KIB);
    one.release();
    const taken = [buffers.lease().take(16 * KIB), buffers.lease().take(16 * KIB)];
    expect(taken[0]?.buffer).not.toBe(taken[1]?.buffer);
  });

  test('a lease gives back once, however often it is released', () => {
    const buffers = new ReadBuffers();
    const lease = buffers.lease();
    lease.take(16 * KIB);
    lease.release();
    lease.release();
    expect(buffers.pooledBytes).toBe(16 * KIB);
  });

  test('the pool keeps no more than it may', () => {
    const buffers = new ReadBuffers({ maxPooledBytes: 40 * KIB });
    const lease = buffers.lease();
    for (let count = 0; count < 4; count++) lease.take(16 * KIB);
    lease.take(16 * KIB * KIB);
    lease.release();
    expect(buffers.pooledBytes).toBe(32 * KIB);
  });

  test('what is given back can be overwritten, so that a test sees late readers', () => {
    const buffers = new ReadBuffers({ isPoisoned: true });
    const lease = buffers.lease();
    const kept = lease.take(16 * KIB);
    kept.fill(1);
    lease.release();
    expect(kept.every((byte) => byte === 0xdb)).toBe(true);
  });

  test('allow less the more is lent, and always a little', () => {
    const buffers = new ReadBuffers({ budgetBytes: 4 * 1024 * KIB });
    expect(buffers.allowance()).toBe(1024 * KIB);
    const leases = Array.from({ length: 100 }, () => {
      const lease = buffers.lease();
      lease.take(buffers.allowance());
      return lease;
    });
    expect(buffers.allowance()).toBe(64 * KIB);
    expect(buffers.lentBytes).toBeLessThan(4 * 1024 * KIB + 100 * 64 * KIB);
    for (const lease of leases) lease.release();
    expect(buffers.lentBytes).toBe(0);
    expect(buffers.allowance()).toBe(1024 * KIB);
  });
});

describe('a read that is left to who sends it', () => {
  test('can be filled though its file is closed and removed in the same turn', () => {
    const directory = mkdtempSync(join(tmpdir(), 'sordini-late-read-'));
    try {
      const disk = openNodeDisk();
      const path = join(directory, '0.log');
      const file = disk.open(path, true);
      const bytes = Buffer.alloc(300_000, 'abc');
      file.write([bytes], 0);
      const lease = new ReadBuffers().lease(true);
      const target = lease.takeLate?.(file, 1_000, 200_000);
      file.close();
      disk.removeNow(path);
      const [late] = lease.lateReads;
      late?.fill(0);
      expect(target?.equals(bytes.subarray(1_000, 201_000))).toBe(true);
      lease.release();
      expect(() => late?.fill(0)).toThrow('EBADF');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
