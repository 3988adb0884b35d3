// A disk that fails under a whole broker: an fsync or a write that answers EIO, injected into its system calls. Data
// whose fsync failed is not acknowledged, its directory goes offline, and a restart finds all that was acknowledged.

import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { ErrorCode } from '../../protocol/errors.ts';
import { ExitCode } from '../../src/startup-error.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { createTopic, fetch, produce } from '../helpers/data-client.ts';
import { hasCommand } from '../helpers/mounts.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const TOPIC = 'orders';
const hasStrace = hasCommand('strace');
/** strace counts the calls of each thread by itself. */
const env = { UV_THREADPOOL_SIZE: '4' };

describe('a broker whose disk answers EIO', () => {
  beforeEach(({ skip }) => skip(!hasStrace, 'failing system calls need strace'));

  const scratch = temporaryDirectory('io');
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  /** A Node whose system calls on one of `paths` fail from the `when`-th on. */
  function failingNode(name: string, calls: string, paths: readonly string[], when: number): string {
    const node = join(scratch, `${name}-node`);
    const inject = `-e trace=${calls} -e inject=${calls}:error=EIO:when=${when}+`;
    const strace = `strace -D -f -q -o /dev/null ${paths.map((path) => `-P "${path}"`).join(' ')} ${inject}`;
    writeFileSync(node, `#!/bin/sh\nexec ${strace} "${process.execPath}" "$@"\n`);
    chmodSync(node, 0o755);
    return node;
  }

  test.each([
    ['an fsync', 'fsync', 'fdatasync', 6],
    ['a write', 'write', 'pwrite64,pwritev', 6],
  ])(
    'in %s acknowledges nothing that it may lose, and takes the directory offline alone',
    async (_name, id, calls, when) => {
      const dir = join(scratch, id);
      const other = join(scratch, `${id}-other`);
      const metadataDir = join(scratch, `${id}-metadata`);
      const overrides = {
        'log.dirs': `${dir},${other}`,
        'metadata.log.dir': metadataDir,
        'offsets.topic.num.partitions': '1',
        'transaction.state.log.num.partitions': '1',
      };
      // In whichever of the two the topic is put.
      const paths = [dir, other].map((place) => join(place, `${TOPIC}-0`, '00000000000000000000.log'));
      let broker = await startBroker({ dir, overrides, env, node: failingNode(id, calls, paths, when) });
      let client = await WireClient.connect(broker.port);
      expect(await createTopic(client, TOPIC)).toBe(0);
      const acknowledged = new Map<number, string>();
      let firstError = 0;
      for (let i = 0; i < 40; i++) {
        const { errorCode, baseOffset } = await produce(client, TOPIC, [`${i}`]);
        if (errorCode === 0) {
          expect(firstError).toBe(0);
          acknowledged.set(baseOffset, `${i}`);
        } else if (firstError === 0) firstError = errorCode;
      }
      expect(firstError).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(acknowledged.size).toBeGreaterThan(2);
      expect((await fetch(client, TOPIC, 0)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect(broker.output()).toContain('log directory went offline');
      expect(broker.output()).not.toMatch(/"level":"fatal"/);
      client.close();
      await broker.kill();
      broker = await startBroker({ dir, overrides });
      client = await WireClient.connect(broker.port);
      // The controller took leadership away with the directory, and gives it back; then what was found is synced
      // before it is shown.
      const last = Math.max(...acknowledged.keys());
      await until(async () => (await fetch(client, TOPIC, 0)).highWatermark > last);
      const { records } = await fetch(client, TOPIC, 0);
      for (const [offset, value] of acknowledged) {
        expect(records.find((record) => record.offset === offset)?.value).toBe(value);
      }
      expect((await produce(client, TOPIC, ['after'])).errorCode).toBe(0);
      client.close();
      await broker.stop();
    },
  );

  test('ends with one fatal line when no directory is left', async () => {
    const dir = join(scratch, 'last');
    const path = join(dir, `${TOPIC}-0`, '00000000000000000000.log');
    const broker = await startBroker({
      dir,
      overrides: { 'metadata.log.dir': join(scratch, 'last-metadata') },
      env,
      node: failingNode('last', 'fdatasync', [path], 3),
    });
    const client = await WireClient.connect(broker.port);
    expect(await createTopic(client, TOPIC)).toBe(0);
    await expect(
      (async () => {
        for (let i = 0; i < 40; i++) await produce(client, TOPIC, [`${i}`]);
      })(),
    ).rejects.toThrow('closed the connection');
    await client.closed;
    expect(await broker.stop()).toBe(ExitCode.FATAL);
    expect(broker.output().match(/"level":"fatal".*All log directories have failed/g)).toHaveLength(1);
  });
});
