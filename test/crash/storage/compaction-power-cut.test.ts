/**
 * The power is cut before every change that compactions make on the disk, and once more while the next start recovers: the
 * log must read as before, and the compaction must come to its end afterwards.
 */

import { beforeAll, describe, expect, test } from 'vitest';
import { prepareCompression } from '../../../protocol/compression/index.ts';
import type { DiskOperation } from '../../../storage/memory-disk.ts';
import { MemoryDisk } from '../../../storage/memory-disk.ts';
import type { Step } from '../../unit/storage/compaction-model.ts';
import { Model, openTable, RETENTION_MS } from '../../unit/storage/compaction-model.ts';
import { seeded } from '../../unit/storage/support.ts';

const DEDUPE_BYTES = 24 * 40;

type Random = () => number;

function randomStep(random: Random): Step {
  const entries = Array.from({ length: 1 + Math.floor(random() * 4) }, (): [number, boolean] => [
    Math.floor(random() * 8),
    random() < 0.3,
  ]);
  const producer = Math.floor(random() * 3);
  const transactional = 11 + Math.floor(random() * 2);
  const dice = random();
  if (dice < 0.4) return { kind: 'put', entries, compression: 'none', producer };
  if (dice < 0.65) return { kind: 'transaction', entries, producer: transactional };
  if (dice < 0.85) return { kind: 'end', producer: transactional, isCommit: random() < 0.5 };
  if (dice < 0.95) return { kind: 'roll' };
  return { kind: 'wait', ms: Math.floor(random() * RETENTION_MS) };
}

/** The disks as they may be found after a cut before each change. */
class Cuts {
  readonly found: { readonly disk: MemoryDisk; readonly before: string }[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  watch(disk: MemoryDisk): void {
    disk.onOperation = (operation: DiskOperation, path: string) => {
      if (operation !== 'read') {
        this.found.push({ disk: disk.powerCut(this.#random), before: `${operation} ${path}` });
      }
      return undefined;
    };
  }
}

async function judge(model: Model, disk: MemoryDisk, endOffset: number, isFinal: boolean): Promise<void> {
  const table = openTable(DEDUPE_BYTES, disk, model.table.nowMs);
  const running = model.table;
  model.table = table;
  try {
    expect(table.log.logEndOffset).toBe(endOffset);
    model.check(0);
    if (!isFinal) return;
    table.roll();
    await table.cleaner.cleanAll();
    model.check(0);
    await table.restart();
    model.check(0);
    const names = table.disk.list(table.log.dir).map(({ name }) => name);
    expect(names.filter((name) => /cleaned|swap|deleted/.test(name))).toEqual([]);
  } finally {
    model.table = running;
  }
}

describe('the power during a compaction', () => {
  beforeAll(prepareCompression);

  test.each([1, 2, 3])('may go before any change on the disk (seed %i)', async (seed) => {
    const random = seeded(seed);
    const disk = new MemoryDisk({ trackSync: true });
    const model = new Model(DEDUPE_BYTES, disk);
    // The data directory itself was there long before.
    disk.syncDirectoryNow('/');
    let cutCount = 0;
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 40; index++) await model.run(randomStep(random));
      for (const producer of [...model.open.keys()]) {
        await model.run({ kind: 'end', producer, isCommit: random() < 0.5 });
      }
      model.table.roll();
      await model.table.log.flush();
      const endOffset = model.table.log.logEndOffset;
      const cuts = new Cuts(random);
      cuts.watch(disk);
      await model.table.cleaner.cleanAll();
      await model.table.manager.tick();
      await model.table.log.tidy(model.table.nowMs + 1);
      disk.onOperation = undefined;
      expect(model.table.notes.some(({ kind }) => kind === 'compacted')).toBe(true);
      cutCount += cuts.found.length;
      for (const { disk: survivor, before } of cuts.found) {
        const again = new Cuts(random);
        again.watch(survivor);
        try {
          await judge(model, survivor, endOffset, false);
          survivor.onOperation = undefined;
          const second = again.found[Math.floor(random() * again.found.length)]?.disk;
          await judge(model, second ?? survivor, endOffset, true);
        } catch (error) {
          throw new Error(`after a cut before ${before}`, { cause: error });
        }
      }
      model.check(0);
    }
    expect(cutCount).toBeGreaterThan(80);
  });
});
