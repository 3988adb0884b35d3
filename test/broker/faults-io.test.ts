// A disk that fails under a whole broker: an fsync or a write that answers EIO, injected into its system calls. Data
// whose fsync failed is not acknowledged, its directory goes offline, and a restart finds all that was acknowledged.

import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ErrorCode } from '../../protocol/errors.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { createTopic, fetch, produce } from '../helpers/data-client.ts';
import { hasCommand } from '../helpers/mounts.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const TOPIC = 'orders';
const hasStrace = hasCommand('strace');
if (!hasStrace) console.warn('skipped: failing system calls need strace');

describe.skipIf(!hasStrace)('a broker whose disk answers EIO', () => {
  const scratch = temporaryDirectory('io');
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  /** A Node whose system calls on `path` fail from the `when`-th on. */
  function failingNode(name: string, calls: string, path: string, when: number): string {
    const node = join(scratch, `${name}-node`);
    const inject = `-e trace=${calls} -e inject=${calls}:error=EIO:when=${when}+`;
    const strace = `strace -D -f -q -o /dev/null -P "${path}" ${inject}`;
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
      const metadataDir = join(scratch, `${id}-metadata`);
      const overrides = {
        'metadata.log.dir': metadataDir,
        'offsets.topic.num.partitions': '1',
        'transaction.state.log.num.partitions': '1',
      };
      const path = join(dir, `${TOPIC}-0`, '00000000000000000000.log');
      let broker = await startBroker({ dir, overrides, node: failingNode(id, calls, path, when) });
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
});
