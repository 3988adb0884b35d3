/**
 * Compaction against a list of everything that was ever appended (compaction-model.ts): random keys, tombstones,
 * transactions, idempotent producers, codecs, rolls, restarts and the passing of time, with a cleaner that runs now and then.
 */

import fc from 'fast-check';
import { beforeAll, describe, test } from 'vitest';
import { prepareCompression } from '../../../protocol/compression/index.ts';
import type { CompressionType } from '../../../protocol/compression/types.ts';
import type { Step } from './compaction-model.ts';
import { Model, RETENTION_MS } from './compaction-model.ts';

const entries = fc.array(fc.tuple(fc.nat(7), fc.boolean()), { minLength: 1, maxLength: 6 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('put' as const),
        entries,
        compression: fc.constantFrom<CompressionType>('none', 'none', 'gzip', 'snappy', 'lz4', 'zstd'),
        // 0: without a producer id.
        producer: fc.nat(2),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('transaction' as const),
        producer: fc.integer({ min: 11, max: 13 }),
        entries,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('end' as const),
        producer: fc.integer({ min: 11, max: 13 }),
        isCommit: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('retry' as const), producer: fc.nat(13) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('roll' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('compact' as const), passes: fc.integer({ min: 1, max: 2 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(900) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), isClean: fc.boolean() }) },
  ),
  { minLength: 5, maxLength: 60 },
);

describe('a compacted log', () => {
  beforeAll(prepareCompression);

  test('always reads as the list of what was appended says', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.constantFrom(1 << 20, 24 * 6),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (list, dedupeBufferBytes, position) => {
          const model = new Model(dedupeBufferBytes);
          for (const step of list) {
            await model.run(step);
            model.check(0);
            model.check(Math.floor(position * model.table.log.logEndOffset));
          }
          for (let pass = 0; pass < 3; pass++) {
            await model.run({ kind: 'put', entries: [[9, false]], compression: 'none', producer: 0 });
            model.table.roll();
            await model.table.cleaner.cleanAll();
            model.table.nowMs += RETENTION_MS + 1;
            model.check(0);
          }
          await model.table.crash();
          model.check(0);
          await model.table.restart();
          model.check(0);
          for (const producer of model.sent.keys()) await model.run({ kind: 'retry', producer });
        },
      ),
      { numRuns: 150 },
    );
  });
});
