import { describe, expect, test } from 'vitest';
import { MetadataSnapshots } from '../../../src/machine/metadata-snapshots.ts';
import type { MetadataImage } from '../../../src/metadata/image.ts';
import type { CommittedBatch } from '../../../src/metadata/replayer.ts';
import { MetadataReplayer } from '../../../src/metadata/replayer.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

function batchAt(offset: number, sizeInBytes: number): CommittedBatch {
  return {
    baseOffset: offset,
    lastOffset: offset,
    epoch: 1,
    appendTimestampMs: 0,
    sizeInBytes,
    records: [{ type: 'NoOpRecord' }],
  };
}

function setUp() {
  const time = new VirtualTime();
  const written: number[] = [];
  const faults: unknown[] = [];
  let outcome: Promise<void> = Promise.resolve();
  const snapshots = new MetadataSnapshots({
    settings: { maxBytesBetween: 1000, maxIntervalMs: 3_600_000 },
    clock: time,
    write: (image: MetadataImage) => {
      written.push(image.offset);
      return outcome;
    },
    onFault: (error) => void faults.push(error),
  });
  const replayer = new MetadataReplayer();
  let offset = 0;
  const advance = (sizeInBytes: number) => {
    const batch = batchAt(offset, sizeInBytes);
    offset += 1;
    replayer.apply(batch);
    snapshots.advanced([batch], replayer.settle());
  };
  const writes = (next: Promise<void>) => {
    outcome = next;
  };
  return { time, written, faults, snapshots, advance, writes };
}

describe('metadata snapshots', () => {
  test('are written when enough bytes have come since the last', async () => {
    const { written, advance } = setUp();
    advance(999);
    expect(written).toEqual([]);
    advance(1);
    expect(written).toEqual([1]);
    await Promise.resolve();
    advance(999);
    expect(written).toEqual([1]);
    advance(1);
    expect(written).toEqual([1, 3]);
  });

  test('are written when enough time has passed', () => {
    const { time, written, advance } = setUp();
    advance(1);
    time.advance(3_600_000);
    advance(1);
    expect(written).toEqual([1]);
  });

  test('are written one at a time', async () => {
    const { written, advance, writes } = setUp();
    let finish: () => void = () => undefined;
    writes(
      new Promise((resolve) => {
        finish = resolve;
      }),
    );
    advance(1000);
    advance(1000);
    expect(written).toEqual([0]);
    finish();
    await Promise.resolve();
    await Promise.resolve();
    advance(1);
    expect(written).toEqual([0, 2]);
  });

  test('count anew after one was loaded', () => {
    const { written, snapshots, advance } = setUp();
    advance(900);
    snapshots.loaded(0);
    advance(900);
    expect(written).toEqual([]);
  });

  test('report a failure', async () => {
    const { faults, advance, writes } = setUp();
    const failure = new Error('disk');
    writes(Promise.reject(failure));
    advance(1000);
    await Promise.resolve();
    await Promise.resolve();
    expect(faults).toEqual([failure]);
  });
});
