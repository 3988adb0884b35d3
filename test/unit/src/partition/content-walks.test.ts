import { beforeEach, describe, expect, test } from 'vitest';
import { buildBatch } from '../../../../protocol/batch.ts';
import { ContentWalks, STEP_BYTES, TURN_BYTES } from '../../../../src/partition/content-walks.ts';
import { ContentWalk } from '../../../../storage/append-content.ts';
import { defaultLogConfig } from '../../../../storage/log-config.ts';

const options = { topicPartition: 't-0', config: defaultLogConfig, nowMs: 1 };

/** A walk that costs about so many bytes. */
function walkOf(bytes: number): ContentWalk {
  const records = [{ value: Buffer.alloc(bytes), timestampMs: 1 }];
  return new ContentWalk(buildBatch({ records, compression: 'lz4' }), options);
}

let turns: (() => void)[];
let walks: ContentWalks;

beforeEach(() => {
  turns = [];
  walks = new ContentWalks((action) => turns.push(action));
});

async function turn(): Promise<void> {
  for (const action of turns.splice(0)) action();
  await Promise.resolve();
}

describe('Walks over batches', () => {
  test('end in the turn that brings them, as far as it goes; the next has its own allowance', async () => {
    expect(walks.begin(walkOf(TURN_BYTES / 2))).toBe(true);
    expect(walks.begin(walkOf(TURN_BYTES))).toBe(false);
    expect(walks.begin(walkOf(1))).toBe(false);
    expect(turns).toHaveLength(1);
    await turn();
    expect(turns).toHaveLength(0);
    expect(walks.begin(walkOf(TURN_BYTES / 2))).toBe(true);
  });

  test('that are too long go on a step a turn, one after the other, while others begin and end', async () => {
    const long = [walkOf(TURN_BYTES + 3 * STEP_BYTES), walkOf(2 * STEP_BYTES)];
    const ended: number[] = [];
    for (const [index, walk] of long.entries()) {
      expect(walks.begin(walk)).toBe(false);
      void walks.finish(walk, () => true).then((isOver) => ended.push(isOver ? index : -1));
    }
    const seen: string[] = [];
    for (let count = 0; turns.length > 0 && count < 20; count++) {
      await turn();
      expect(walks.begin(walkOf(1000))).toBe(true);
      seen.push(ended.join());
    }
    expect(ended).toEqual([0, 1]);
    expect(seen.indexOf('0')).toBeGreaterThanOrEqual(2);
    expect(seen.indexOf('0,1')).toBeGreaterThan(seen.indexOf('0'));
    expect(long.every((walk) => walk.result().count === 1)).toBe(true);
  });

  test('that are short but came too late for a turn end together in the next', async () => {
    walks.begin(walkOf(TURN_BYTES));
    const ended: boolean[] = [];
    for (let i = 0; i < 10; i++) {
      const walk = walkOf(1000);
      expect(walks.begin(walk)).toBe(false);
      void walks.finish(walk, () => true).then((isOver) => ended.push(isOver));
    }
    await turn();
    expect(ended).toEqual(Array(10).fill(true));
    expect(turns).toHaveLength(0);
  });

  test('that nobody waits for any more are given up', async () => {
    let isWanted = true;
    const walk = walkOf(TURN_BYTES + 5 * STEP_BYTES);
    walks.begin(walk);
    const other = walkOf(TURN_BYTES);
    walks.begin(other);
    const first = walks.finish(walk, () => isWanted);
    const second = walks.finish(other, () => true);
    await turn();
    isWanted = false;
    while (turns.length > 0) await turn();
    expect(await first).toBe(false);
    expect(await second).toBe(true);
    expect(walk.spentBytes).toBeLessThan(TURN_BYTES + 2 * STEP_BYTES);
  });
});
