/** What a node makes of its metadata log at a start: the newest state of it, and nothing that lies before. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { DeleteTopics } from '../../protocol/messages/delete-topics.ts';
import { startBroker, temporaryDirectory } from '../helpers/broker-process.ts';
import { createTopic, fetch, produce } from '../helpers/data-client.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

const TOPIC = 'made-anew';
const dir = temporaryDirectory('restart');

afterAll(() => rmSync(dir, { recursive: true, force: true, maxRetries: 3 }));

/** Whether the newest snapshot of the metadata knows the topic. */
function isInSnapshot(): boolean {
  const directory = join(dir, '__cluster_metadata-0');
  const newest = readdirSync(directory)
    .filter((name) => name.endsWith('.checkpoint'))
    .sort()
    .at(-1);
  return newest !== undefined && readFileSync(join(directory, newest)).includes(TOPIC);
}

async function during(
  overrides: Readonly<Record<string, string>>,
  act: (client: WireClient) => Promise<void>,
): Promise<void> {
  const broker = await startBroker({ dir, overrides });
  const client = await WireClient.connect(broker.port);
  try {
    await act(client);
  } finally {
    client.close();
    await broker.stop();
  }
}

test('a topic that was deleted and made anew since the last snapshot keeps its records over restarts', async () => {
  // A snapshot of each change, so that one knows the topic; after that none.
  await during({ 'metadata.log.max.record.bytes.between.snapshots': '1' }, async (client) => {
    expect(await createTopic(client, TOPIC)).toBe(0);
    await until(() => isInSnapshot());
  });
  await during({}, async (client) => {
    await client.send(DeleteTopics, 5, { topicNames: [TOPIC], topics: [], timeoutMs: 10_000 });
    expect(await createTopic(client, TOPIC)).toBe(0);
    expect(await produce(client, TOPIC, ['kept'])).toEqual({ errorCode: 0, baseOffset: 0 });
  });
  await during({}, async (client) => {
    const { records } = await fetch(client, TOPIC, 0);
    expect(records).toEqual([{ offset: 0, value: 'kept' }]);
  });
});
