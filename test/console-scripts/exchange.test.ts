/**
 * One data directory, served by Apache Kafka and by Sordini in turn, three times to and fro, stopped and killed: what one
 * leaves the other finds, whole, and goes on with. Then another that Sordini has made. Skipped where Apache Kafka is not
 * at hand.
 */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareCompression } from '../../protocol/compression/index.ts';
import { kafkaClasspath } from '../../scripts/kafka.ts';
import { temporaryDirectory } from '../helpers/broker-process.ts';
import { until } from '../helpers/until.ts';
import { clusterStories } from './exchange/cluster-stories.ts';
import { groupStories } from './exchange/group-stories.ts';
import { inspect, metadataStart } from './exchange/inspect.ts';
import type { End, Served, Side } from './exchange/node.ts';
import { dataDirectory, serve } from './exchange/node.ts';
import { producerStories } from './exchange/producer-stories.ts';
import { recordStories } from './exchange/record-stories.ts';
import { Storm } from './exchange/storm.ts';
import { said } from './exchange/tools.ts';
import type { World } from './exchange/world.ts';
import { carriedOver, view } from './exchange/world.ts';
import type { Transcript } from './scenario.ts';

interface Turn {
  readonly side: Side;
  readonly end: End;
}

const BEGUN_BY_APACHE: readonly Turn[] = [
  { side: 'apache', end: 'stop' },
  { side: 'sordini', end: 'stop' },
  { side: 'apache', end: 'kill' },
  { side: 'sordini', end: 'kill' },
  { side: 'apache', end: 'kill' },
  { side: 'sordini', end: 'stop' },
];

const BEGUN_BY_SORDINI: readonly Turn[] = [
  { side: 'sordini', end: 'kill' },
  { side: 'apache', end: 'stop' },
];

const NAMES = { apache: 'Apache Kafka', sordini: 'Sordini' } as const;

function changesHands(turns: readonly Turn[], asksTools = false): void {
  const stories = [...recordStories(), ...producerStories(), ...groupStories(), ...clusterStories()];
  let root: string;
  let directory: string;
  const storm = new Storm();
  let left: World | null = null;
  /** What the tools printed of it. */
  let printed: Transcript[] | null = null;
  let served: Served | null = null;

  beforeAll(async () => {
    root = temporaryDirectory('exchange');
    directory = dataDirectory(root);
    await prepareCompression();
  });

  afterAll(async () => {
    served?.client.close();
    await served?.end('kill');
    rmSync(root, { recursive: true, force: true, maxRetries: 3 });
  });

  const serving = (): Served => {
    if (served === null) throw new Error('nobody serves');
    return served;
  };

  describe.each(turns.map((turn, number) => ({ ...turn, number, name: NAMES[turn.side] })))(
    'in turn $number, with $name',
    ({ side, end, number }) => {
      test('is served, and all is as it was left', async () => {
        served = await serve(side, root);
        const found = await view(served.client);
        if (left !== null) expect(carriedOver(found, left)).toEqual(left);
        if (printed !== null) expect(await said(served.port)).toEqual(printed);
        await storm.check(served.client);
      });

      test.each(stories)('$name', async ({ play }) => {
        await play({ number, side, client: serving().client, directory });
      });

      test(`has files without fault after a ${end}`, async () => {
        const { client, port, end: finish } = serving();
        await storm.prepare(client);
        // Apache Kafka deletes it after a minute only.
        if (side === 'sordini') await until(() => metadataStart(directory) > 0);
        left = await view(client);
        printed = asksTools ? await said(port) : null;
        await storm.begin(port);
        client.close();
        await finish(end);
        await storm.ended();
        served = null;
        for (const { title, exitCode, lines, complaints } of await inspect(root, directory, end === 'kill')) {
          expect({ title, exitCode, complaints }).toEqual({ title, exitCode: 0, complaints: [] });
          expect([title, lines.length > 0]).toEqual([title, true]);
        }
      });
    },
  );
}

describe.skipIf((await kafkaClasspath()) === null)('a data directory that changes hands', () => {
  describe('begun by Apache Kafka', () => changesHands(BEGUN_BY_APACHE));
  describe('begun by Sordini', () => changesHands(BEGUN_BY_SORDINI, true));
});
