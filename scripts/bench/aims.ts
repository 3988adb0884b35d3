/**
 * What each figure ought to be beside Apache Kafka's: aims, not results. A run prints which of them it met;
 * docs/performance.md tells which are missed.
 */

/** A bound on the ratio of our figure to Apache Kafka's. */
export interface Aim {
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** By row, then by figure, as the rows name them. */
export const AIMS: Readonly<Record<string, Readonly<Record<string, Aim>>>> = {
  'produce 64 KiB batches of 1 KiB': { 'CPU s/GB': { atMost: 0.7 } },
  'produce 1 MiB batches of 1 KiB': { 'CPU s/GB': { atMost: 0.9 } },
  'produce 1000 x 100 B': { 'CPU s/GB': { atMost: 0.6 } },
  'produce 1 record, 1 connection': { 'CPU us': { atMost: 0.6 } },
  'produce 1 record, 1 x 50 deep': { 'CPU us': { atMost: 0.2 }, 'requests/s': { atLeast: 4 } },
  'produce 1 record, 100 connections': { 'CPU us': { atMost: 0.8 } },
  'produce 1 record, 100 x 5 deep': { 'CPU us': { atMost: 0.5 } },
  'fetch 64 KiB': { 'CPU s/GB': { atMost: 1.3 } },
  'fetch 1 MiB': { 'CPU s/GB': { atMost: 1.3 } },
  'latency to a waiting fetch': { 'p50 us': { atMost: 0.6 }, 'p99 us': { atMost: 0.5 } },
  'latency with kafkajs, 200 records/s': { 'p50 ms': { atMost: 0.85 }, 'p99 ms': { atMost: 0.6 } },
  'librdkafka, 1 MB batches': { 'CPU s/GB': { atMost: 1.0 } },
  'librdkafka, lz4': { 'CPU s/GB': { atMost: 1.0 } },
  'librdkafka, zstd': { 'CPU s/GB': { atMost: 0.6 } },
  'librdkafka, snappy': { 'CPU s/GB': { atMost: 0.6 } },
  'librdkafka, gzip': { 'CPU s/GB': { atMost: 0.6 } },
  'librdkafka, transactions of 10 records, 1 producer': {
    'per second': { atLeast: 10 },
    'CPU ms': { atMost: 0.05 },
  },
  'librdkafka, transactions of 10 records, 10 producers': {
    'per second': { atLeast: 10 },
    'CPU ms': { atMost: 0.05 },
  },
  'transactions of 10 records, 1 producer': { 'per second': { atLeast: 10 }, 'CPU ms': { atMost: 0.05 } },
  'transactions of 10 records, 10 producers': { 'per second': { atLeast: 10 }, 'CPU ms': { atMost: 0.05 } },
  'a topic of 1,000 partitions': { 'create ms': { atMost: 0.15 }, 'CPU us': { atMost: 0.05 } },
  'start to the first acknowledged record': {
    'empty ms': { atMost: 0.12 },
    '1 GB, SIGTERM ms': { atMost: 0.2 },
    '1 GB, kill -9 ms': { atMost: 0.03 },
  },
  'idle process': { MiB: { atMost: 0.25 }, 'CPU %': { atMost: 0.3 } },
  'many idle connections': { MiB: { atMost: 0.4 } },
  'first 2 GB through a cold process': { 'CPU s/GB': { atMost: 0.35 }, MiB: { atMost: 0.25 } },
};
