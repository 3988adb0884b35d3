/** One data directory, Apache Kafka and our broker: whoever comes second is refused in the same words. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { kafkaClasspath } from '../../scripts/kafka.ts';
import type { Side } from './exchange/node.ts';
import { serve } from './exchange/node.ts';

const REFUSAL =
  /Failed to acquire lock on file \.lock in \S+\/data\. A Kafka instance in another process or thread is using this directory\./;

/** What the lock is taken with; without it Apache Kafka is not seen. */
function hasKoffi(): boolean {
  try {
    createRequire(import.meta.url).resolve(`@koromix/koffi-linux-${process.arch}`);
    return process.platform === 'linux';
  } catch {
    return false;
  }
}

// Apache Kafka comes through Java and Maven; its kind of lock can be taken through koffi only.
describe.skipIf((await kafkaClasspath()) === null || !hasKoffi())('a directory that is in use', () => {
  let root = '';

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sordini-lock-'));
  });

  afterEach(() => {
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  });

  test.each<[Side, Side]>([
    ['apache', 'sordini'],
    ['sordini', 'apache'],
  ])('by %s is refused to %s, and free once its holder was killed', async (first, second) => {
    const holder = await serve(first, root);
    try {
      await expect(serve(second, root)).rejects.toThrow(REFUSAL);
    } finally {
      holder.client.close();
      await holder.end('kill');
    }
    const next = await serve(second, root);
    next.client.close();
    await next.end('kill');
  });
});
