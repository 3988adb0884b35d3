import { expect, test } from 'vitest';
import { cleanerMetrics } from '../../../../src/metrics/cleaner.ts';

const last = { bytesRead: 1000, bytesWritten: 255, elapsedMs: 1999, mapFill: 0.128, delayMs: 5999 };

test('gauges of the cleaner are worked out of what its threads did last, in whole units', () => {
  const threads = [
    { isDead: false, last },
    { isDead: true, last: { ...last, bytesWritten: 0, elapsedMs: 3000, mapFill: 0.5, delayMs: 0 } },
    { isDead: false, last: null },
  ];
  expect(cleanerMetrics(threads, 7, [{ directory: '/a', partitions: 1, bytes: 10 }])).toEqual({
    cleanerRecopyPercent: 12,
    maxCleanTimeSeconds: 3,
    maxBufferUtilizationPercent: 50,
    maxCompactionDelaySeconds: 5,
    deadThreadCount: 1,
    timeSinceLastRunMs: 7,
    uncleanable: [{ directory: '/a', partitions: 1, bytes: 10 }],
  });
});

test('a cleaner that has done nothing has gauges, too', () => {
  expect(cleanerMetrics([], 0, [])).toMatchObject({ cleanerRecopyPercent: 0, deadThreadCount: 0 });
});
