/**
 * A load that writes down every acknowledgement, and the check that what was acknowledged is there.
 *
 * No request is repeated, so a value is sent once: it must be found at most once, and exactly at its offset when it was
 * acknowledged. (Assertions of Node: the torture uses this outside of any test.)
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import { OffsetFetch } from '../../protocol/messages/offset-fetch.ts';
import { createTopic, fetch, produce } from './data-client.ts';
import { until } from './until.ts';
import { WireClient } from './wire-client.ts';

export const TOPIC = 'history';
const GROUP = 'history-group';

export interface History {
  /** partition/offset → value, as acknowledged. */
  readonly acknowledged: Map<string, string>;
  readonly topics: Set<string>;
  committed: number;
  sent: number;
}

export const newHistory = (): History => ({
  acknowledged: new Map(),
  topics: new Set(),
  committed: -1,
  sent: 0,
});

/** What is known now; the load goes on. */
export const copyHistory = (history: History): History => ({
  ...history,
  acknowledged: new Map(history.acknowledged),
  topics: new Set(history.topics),
});

async function commit(client: WireClient, offset: number): Promise<number> {
  const partitions = [{ partitionIndex: 0, committedOffset: BigInt(offset), committedMetadata: null }];
  const { topics } = await client.send(OffsetCommit, 7, {
    groupId: GROUP,
    memberId: '',
    topics: [{ name: TOPIC, partitions }],
  });
  return topics[0]?.partitions[0]?.errorCode ?? -1;
}

/** Makes the topic, then writes, commits and makes topics until the signal, or until the broker is gone. */
export async function load(
  port: number,
  history: History,
  partitions: number,
  stop: AbortSignal,
): Promise<void> {
  const worker = async (work: (client: WireClient) => Promise<void>): Promise<void> => {
    const client = await WireClient.connect(port).catch(() => null);
    while (client !== null && !stop.aborted) {
      try {
        await work(client);
      } catch {
        break;
      }
    }
    client?.close();
  };
  const writers = Array.from({ length: partitions }, (_, partition) =>
    worker(async (client) => {
      const values = Array.from({ length: 1 + (history.sent % 5) }, () => `value ${history.sent++}`);
      const { errorCode, baseOffset } = await produce(client, TOPIC, values, partition);
      if (errorCode !== 0) return;
      values.forEach((value, index) => {
        history.acknowledged.set(`${partition}/${baseOffset + index}`, value);
      });
    }),
  );
  const committer = worker(async (client) => {
    const offset = history.committed + 1;
    if ((await commit(client, offset)) === 0) history.committed = offset;
  });
  const creator = worker(async (client) => {
    const name = `topic-${history.sent++}`;
    if ((await createTopic(client, name)) === 0) history.topics.add(name);
    const { sent } = history;
    await until(() => stop.aborted || history.sent > sent + 200);
  });
  await Promise.all([...writers, committer, creator]);
}

export async function prepare(port: number, partitions: number): Promise<void> {
  const client = await WireClient.connect(port);
  equal(await createTopic(client, TOPIC, partitions), 0);
  client.close();
}

/** Reads everything; whatever the history holds must be there, and no value twice. */
export async function check(port: number, history: History, partitions: number): Promise<void> {
  const client = await WireClient.connect(port);
  const found = new Map<string, string>();
  for (let partition = 0; partition < partitions; partition++) {
    for (let offset = 0; ; ) {
      const { errorCode, records } = await fetch(client, TOPIC, offset, partition);
      equal(errorCode, 0);
      for (const record of records) {
        equal(record.offset, offset);
        found.set(`${partition}/${record.offset}`, record.value);
        offset++;
      }
      if (records.length === 0) break;
    }
  }
  const lost = [...history.acknowledged].filter(([place, value]) => found.get(place) !== value);
  deepEqual(lost, []);
  equal(new Set(found.values()).size, found.size);
  for (const topic of history.topics) equal((await produce(client, topic, ['after'])).errorCode, 0);
  if (history.committed >= 0) {
    const { topics } = await client.send(OffsetFetch, 5, { groupId: GROUP, topics: null, groups: [] });
    const committed = Number(topics?.[0]?.partitions[0]?.committedOffset ?? -1);
    ok(committed >= history.committed, `committed ${committed}, after ${history.committed}`);
  }
  client.close();
}
