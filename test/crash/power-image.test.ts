/**
 * Power cuts of a real file system: the data directory lies on an ext4 image, which is copied while the broker is held
 * still in the midst of its work. What the copy holds is what a disk would hold after the power had gone: file data
 * that was only in the page cache is not in it. A broker that starts on the copy must have all that was acknowledged.
 */
import { constants, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { BrokerProcess } from '../helpers/broker-process.ts';
import { startBroker } from '../helpers/broker-process.ts';
import { produce } from '../helpers/data-client.ts';
import type { History } from '../helpers/history-load.ts';
import { check, copyHistory, load, newHistory, prepare, TOPIC } from '../helpers/history-load.ts';
import type { Mount } from '../helpers/mounts.ts';
import { makeImage, mountImage } from '../helpers/mounts.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const CUTS = Number(process.env['SORDINI_POWER_CUTS'] ?? 4);
const SIZE_MIB = 192;
const PARTITIONS = 3;

const scratch = mkdtempSync(join(tmpdir(), 'sordini-power-'));
const image = join(scratch, 'disk.img');
const volume: Mount | null = makeImage(image, SIZE_MIB) ? mountImage(image) : null;

describe('a power cut', () => {
  let broker: BrokerProcess | undefined;

  beforeEach(({ skip }) =>
    skip(volume === null, 'cutting the power of a file system needs root, mkfs.ext4 and loop devices'),
  );

  afterAll(async () => {
    await broker?.stop();
    volume?.unmount();
    rmSync(scratch, { recursive: true, force: true });
  });

  const overrides = {
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.num.partitions': '1',
    'log.segment.bytes': '100000',
    'log.index.size.max.bytes': '8192',
    'log.flush.offset.checkpoint.interval.ms': '200',
    'metadata.log.max.snapshot.interval.ms': '500',
  };

  /** Cuts the power now, and starts another broker on what is left. */
  async function cut(history: History, partitions: number): Promise<void> {
    const pid = broker?.pid ?? 0;
    process.kill(pid, 'SIGSTOP');
    const known = copyHistory(history);
    const copy = join(scratch, 'cut.img');
    copyFileSync(image, copy, constants.COPYFILE_FICLONE);
    process.kill(pid, 'SIGCONT');
    await survives(copy, known, partitions);
    rmSync(copy);
  }

  test('right after the first start, the first topic and the first record leaves a directory that starts', async () => {
    broker = await startBroker({ dir: join(volume?.dir ?? '', 'data'), overrides });
    const history = newHistory();
    await cut(history, 0);
    await prepare(broker.port, PARTITIONS);
    await cut(history, PARTITIONS);
    const client = await WireClient.connect(broker.port);
    expect(await produce(client, TOPIC, ['first'])).toEqual({ errorCode: 0, baseOffset: 0 });
    history.acknowledged.set('0/0', 'first');
    client.close();
    await cut(history, PARTITIONS);
  });

  test(`under load, ${CUTS} times, takes nothing that was acknowledged`, async () => {
    const port = broker?.port ?? 0;
    const history = newHistory();
    const stopping = new AbortController();
    const running = load(port, history, PARTITIONS, stopping.signal);
    for (let round = 0; round < CUTS; round++) {
      const enough = history.acknowledged.size + 100 + (round % 10) * 137;
      await until(() => history.acknowledged.size >= enough);
      await cut(history, PARTITIONS);
    }
    stopping.abort();
    await running;
    expect(history.acknowledged.size).toBeGreaterThan(CUTS * 100);
  });

  async function survives(copy: string, known: History, partitions: number): Promise<void> {
    const mounted = mountImage(copy);
    if (mounted === null) throw new Error('the copied image can not be mounted');
    try {
      const second = await startBroker({ dir: join(mounted.dir, 'data'), overrides });
      try {
        await check(second.port, known, partitions);
      } finally {
        await second.kill();
      }
    } finally {
      mounted.unmount();
    }
  }
});
