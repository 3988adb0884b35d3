/** Stories of the metadata log: topics that come, change and go, settings, and records that only one side serves. */
import { expect } from 'vitest';
import { AlterClientQuotas } from '../../../protocol/messages/alter-client-quotas.ts';
import { AlterUserScramCredentials } from '../../../protocol/messages/alter-user-scram-credentials.ts';
import { CreatePartitions } from '../../../protocol/messages/create-partitions.ts';
import { DeleteTopics } from '../../../protocol/messages/delete-topics.ts';
import { DescribeClientQuotas } from '../../../protocol/messages/describe-client-quotas.ts';
import { DescribeUserScramCredentials } from '../../../protocol/messages/describe-user-scram-credentials.ts';
import { IncrementalAlterConfigs } from '../../../protocol/messages/incremental-alter-configs.ts';
import { ListOffsets } from '../../../protocol/messages/list-offsets.ts';
import { Metadata } from '../../../protocol/messages/metadata.ts';
import { ZERO_UUID } from '../../../protocol/uuid.ts';
import { until } from '../../helpers/until.ts';
import type { Client } from './client.ts';
import { NODE_ID } from './node.ts';
import type { Story } from './story.ts';
import { createTopic, someRecords } from './story.ts';

const TIMEOUT_MS = 20_000;
const TOPIC = 2;
const BROKER = 4;
const SET = 0;
const DELETE = 1;
const APPEND = 2;

async function deleteTopic(client: Client, name: string): Promise<void> {
  await client.ask(DeleteTopics, 6, { topics: [{ name, topicId: ZERO_UUID }], timeoutMs: TIMEOUT_MS });
}

type Change = readonly [name: string, operation: number, value: string | null];

async function change(client: Client, type: number, name: string, ...changes: Change[]): Promise<void> {
  const configs = changes.map(([key, configOperation, value]) => ({ name: key, configOperation, value }));
  const resources = [{ resourceType: type, resourceName: name, configs }];
  await client.ask(IncrementalAlterConfigs, 1, { resources, validateOnly: false });
}

const topics: Story = {
  name: 'topics are made, grown, changed and deleted',
  async play({ number, client }) {
    const made = `made-${number}`;
    await createTopic(client, made, 1 + (number % 3), {
      'retention.ms': `${86_400_000 + number}`,
      'max.message.bytes': '500000',
    });
    for (let partition = 0; partition < 1 + (number % 3); partition++)
      await client.send(made, partition, { records: someRecords(2) });
    if (number >= 1) {
      const grown = { name: `made-${number - 1}`, count: 4 + number, assignments: null };
      await client.ask(CreatePartitions, 3, { topics: [grown], timeoutMs: TIMEOUT_MS, validateOnly: false });
      await change(
        ...([client, TOPIC, `made-${number - 1}`] as const),
        ['cleanup.policy', APPEND, 'compact'],
        ['max.message.bytes', DELETE, null],
        ['retention.ms', SET, '-1'],
        ['follower.replication.throttled.replicas', SET, '0:1,1:1'],
      );
      await client.send(`made-${number - 1}`, 3 + number, { records: someRecords(2) });
    }
    if (number >= 2) await deleteTopic(client, `made-${number - 2}`);
  },
};

async function endOffset(client: Client, name: string, partitionIndex: number): Promise<number> {
  const partitions = [{ partitionIndex, timestamp: -1, currentLeaderEpoch: -1 }];
  const asked = { replicaId: -1, isolationLevel: 0, topics: [{ name, partitions }] };
  const { topics: listed } = await client.ask(ListOffsets, 7, asked);
  return listed[0]?.partitions[0]?.offset ?? -1;
}

const again = (): Story => {
  const ids = new Set<string>();
  return {
    name: 'a topic is deleted and made again under its name',
    async play({ number, client }) {
      if (number > 0) await deleteTopic(client, 'again');
      const id = await createTopic(client, 'again', 2);
      expect(ids).not.toContain(id);
      ids.add(id);
      // Apache Kafka answers before its own logs have followed: until then the old ones are written to.
      for (const partition of [0, 1])
        await until(async () => (await endOffset(client, 'again', partition)) === 0);
      expect(await client.send('again', 1, { records: someRecords(1 + number) })).toEqual({
        errorCode: 0,
        baseOffset: 0,
      });
      const asked = { topics: [{ name: 'again', topicId: ZERO_UUID }], allowAutoTopicCreation: false };
      const metadata = await client.ask(Metadata, 12, { ...asked, includeTopicAuthorizedOperations: false });
      expect(metadata.topics[0]?.topicId).toBe(id);
    },
  };
};

const settings: Story = {
  name: 'settings of the node and of all nodes are changed',
  async play({ number, client }) {
    await change(client, BROKER, '', ['message.max.bytes', SET, `${1_100_000 + number}`]);
    await change(client, BROKER, `${NODE_ID}`, ['max.connections.per.ip', SET, `${1000 + number}`]);
    const operation = number % 2 === 0 ? SET : DELETE;
    await change(client, BROKER, '', ['log.retention.ms', operation, number % 2 === 0 ? '1000000000' : null]);
  },
};

const SCRAM_SHA_256 = 1;

/** Sordini serves neither quotas nor credentials; it hands on what it was given of them. */
const unserved = (): Story => {
  /** The turn in which they were last set. */
  let setIn: number | null = null;
  return {
    name: 'quotas and credentials are still known to Apache Kafka',
    async play({ number, side, client }) {
      if (side === 'sordini') return;
      const entity = [{ entityType: 'user', entityName: 'K.' }];
      const users = { users: [{ name: 'K.' }] };
      if (setIn !== null) {
        const components = [{ entityType: 'user', matchType: 0, match: 'K.' }];
        const { entries } = await client.ask(DescribeClientQuotas, 1, { components, strict: true });
        expect(entries).toEqual([{ entity, values: [{ key: 'producer_byte_rate', value: 1e9 + setIn }] }]);
        const { results } = await client.ask(DescribeUserScramCredentials, 0, users);
        expect(results[0]?.credentialInfos).toEqual([{ mechanism: SCRAM_SHA_256, iterations: 8192 + setIn }]);
      }
      const ops = [{ key: 'producer_byte_rate', value: 1e9 + number, remove: false }];
      await client.ask(AlterClientQuotas, 1, { entries: [{ entity, ops }], validateOnly: false });
      const secret = { salt: Buffer.from('salt'), saltedPassword: Buffer.alloc(32, number) };
      const upsertion = { name: 'K.', mechanism: SCRAM_SHA_256, iterations: 8192 + number, ...secret };
      await client.ask(AlterUserScramCredentials, 0, { deletions: [], upsertions: [upsertion] });
      setIn = number;
    },
  };
};

export const clusterStories = (): Story[] => [topics, again(), settings, unserved()];
