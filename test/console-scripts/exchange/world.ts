/**
 * All that a broker tells of its data: what one broker says before it hands over, the next must say after.
 *
 * Left out is what a restart may change (leader epochs of now) and what no client can ask for.
 */
import * as batch from '../../../protocol/batch.ts';
import { ApiVersions } from '../../../protocol/messages/api-versions.ts';
import { DescribeConfigs } from '../../../protocol/messages/describe-configs.ts';
import { DescribeGroups } from '../../../protocol/messages/describe-groups.ts';
import { DescribeProducers } from '../../../protocol/messages/describe-producers.ts';
import { DescribeTransactions } from '../../../protocol/messages/describe-transactions.ts';
import { Fetch } from '../../../protocol/messages/fetch.ts';
import { ListGroups } from '../../../protocol/messages/list-groups.ts';
import { ListOffsets } from '../../../protocol/messages/list-offsets.ts';
import { ListTransactions } from '../../../protocol/messages/list-transactions.ts';
import { Metadata } from '../../../protocol/messages/metadata.ts';
import { OffsetFetch } from '../../../protocol/messages/offset-fetch.ts';
import { OffsetForLeaderEpoch } from '../../../protocol/messages/offset-for-leader-epoch.ts';
import type { ResponseOf } from '../../../protocol/schema.ts';
import { fetchRequest } from '../../helpers/data-client.ts';
import type { Client } from './client.ts';
import { NODE_ID } from './node.ts';

/** Written to until the very moment of a kill: nobody knows what of it was written. */
export const STORM = 'storm';

const TOPIC = 2;
const BROKER = 4;
const DYNAMIC_SOURCES: readonly number[] = [1, 2, 3];
const TIMESTAMPS = { latest: -1, earliest: -2, maximum: -3 } as const;
const MAX_BYTES = 10_000_000;

type Configs = Readonly<Record<string, string | null>>;

export interface PartitionView {
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  /** One line per batch and per record. */
  readonly batches: readonly string[];
  readonly aborted: readonly string[];
  readonly offsets: Readonly<Record<string, string>>;
  /** Where each leader epoch up to that of now ends. */
  readonly epochEnds: readonly number[];
  readonly producers: readonly unknown[];
}

export interface TopicView {
  readonly topicId: string;
  readonly configs: Configs;
  readonly replicas: readonly string[];
  readonly partitions: readonly PartitionView[];
}

export interface World {
  readonly clusterId: string | null;
  readonly features: readonly unknown[];
  readonly nodeConfigs: Configs;
  readonly clusterConfigs: Configs;
  readonly topics: Readonly<Record<string, TopicView>>;
  readonly groups: Readonly<Record<string, unknown>>;
  readonly transactions: Readonly<Record<string, unknown>>;
}

const byName = <T>(entries: Iterable<readonly [string, T]>): Record<string, T> =>
  Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));

const text = (bytes: Buffer | null): string => (bytes === null ? 'null' : JSON.stringify(bytes.toString()));

/** A batch in words: everything that its bytes hold, and whether they agree with their CRC. */
function describeBatch(bytes: Buffer, pos: number): string[] {
  const header = [
    `batch ${batch.baseOffset(bytes, pos)}-${batch.lastOffset(bytes, pos)}`,
    `epoch ${batch.partitionLeaderEpoch(bytes, pos)}`,
    `attributes ${batch.attributes(bytes, pos)}`,
    `times ${batch.firstTimestamp(bytes, pos)} ${batch.maxTimestamp(bytes, pos)}`,
    `producer ${batch.producerId(bytes, pos)}/${batch.producerEpoch(bytes, pos)}/${batch.baseSequence(bytes, pos)}`,
    `crc ${batch.crc(bytes, pos)} ${batch.isCrcValid(bytes, pos) ? 'valid' : 'WRONG'}`,
  ];
  const records = [...batch.iterateRecords(bytes, pos)].map(
    ({ offset, timestampMs, key, value, headers }) => {
      const labels = headers.map((header) => `${header.key}=${text(header.value)}`);
      return `  ${offset} @${timestampMs} ${text(key)}: ${text(value)} [${labels}]`;
    },
  );
  return [header.join(', '), ...records];
}

type FetchedPartition = ResponseOf<typeof Fetch>['responses'][number]['partitions'][number];

async function fetchAt(
  client: Client,
  topic: string,
  partition: number,
  offset: number,
  isolationLevel: number,
): Promise<FetchedPartition> {
  const request = fetchRequest(topic, offset, MAX_BYTES, partition);
  const { responses } = await client.ask(Fetch, 12, { ...request, isolationLevel });
  const answer = responses[0]?.partitions[0];
  if (answer === undefined) throw new Error('an answer without the partition that was asked for');
  return answer;
}

export async function listOffsets(
  client: Client,
  topic: string,
  partition: number,
): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, timestamp] of Object.entries(TIMESTAMPS)) {
    for (const isolationLevel of [0, 1]) {
      const partitions = [{ partitionIndex: partition, timestamp, currentLeaderEpoch: -1 }];
      const topics = [{ name: topic, partitions }];
      const answer = await client.ask(ListOffsets, 7, { replicaId: -1, isolationLevel, topics });
      const { offset, timestamp: at } = answer.topics[0]?.partitions[0] ?? {};
      found[`${name} at ${isolationLevel}`] = `${offset} @${at}`;
    }
  }
  return found;
}

async function epochEnds(
  client: Client,
  topic: string,
  partition: number,
  currentEpoch: number,
): Promise<number[]> {
  const ends: number[] = [];
  for (let leaderEpoch = 0; leaderEpoch <= currentEpoch; leaderEpoch++) {
    const partitions = [{ partition, currentLeaderEpoch: -1, leaderEpoch }];
    const { topics } = await client.ask(OffsetForLeaderEpoch, 3, { topics: [{ topic, partitions }] });
    ends.push(topics[0]?.partitions[0]?.endOffset ?? -1);
  }
  return ends;
}

async function producersOf(client: Client, topic: string, partition: number): Promise<unknown[]> {
  const topics = [{ name: topic, partitionIndexes: [partition] }];
  const answer = await client.ask(DescribeProducers, 0, { topics });
  const producers = answer.topics[0]?.partitions[0]?.activeProducers ?? [];
  return producers.toSorted((a, b) => a.producerId - b.producerId);
}

export async function viewPartition(
  client: Client,
  topic: string,
  partition: number,
  leaderEpoch: number,
): Promise<PartitionView> {
  const offsets = await listOffsets(client, topic, partition);
  const start = Number.parseInt(offsets['earliest at 0'] ?? '', 10);
  const { highWatermark, logStartOffset, lastStableOffset } = await fetchAt(
    client,
    topic,
    partition,
    start,
    1,
  );
  const batches: string[] = [];
  // A fetch reads from one segment only, and tells of the transactions that were aborted in what it reads.
  const aborted = new Set<string>();
  for (let offset = start; offset < highWatermark; ) {
    const { records } = await fetchAt(client, topic, partition, offset, 0);
    const bytes = records ?? Buffer.alloc(0);
    const positions = [...batch.batchPositions(bytes)];
    for (const pos of positions) batches.push(...describeBatch(bytes, pos));
    if (offset < lastStableOffset) {
      const { abortedTransactions } = await fetchAt(client, topic, partition, offset, 1);
      for (const at of abortedTransactions ?? [])
        aborted.add(`producer ${at.producerId} from ${at.firstOffset}`);
    }
    // Compaction may have left nothing up to the end.
    offset = positions.length === 0 ? highWatermark : batch.nextOffset(bytes, positions.at(-1));
  }
  return {
    logStartOffset,
    highWatermark,
    lastStableOffset,
    batches,
    aborted: [...aborted].sort(),
    offsets,
    epochEnds: await epochEnds(client, topic, partition, leaderEpoch),
    producers: await producersOf(client, topic, partition),
  };
}

export async function configsOf(
  client: Client,
  resourceType: number,
  resourceName: string,
): Promise<Configs> {
  const resources = [{ resourceType, resourceName, configurationKeys: null }];
  const { results } = await client.ask(DescribeConfigs, 4, { resources });
  const set = results[0]?.configs.filter(({ configSource }) => DYNAMIC_SOURCES.includes(configSource)) ?? [];
  return byName(set.map(({ name, value, configSource }) => [`${name} from ${configSource}`, value]));
}

/** What is in the internal topics is seen through the coordinators; they write to it when they take it up. */
const isOpaque = (name: string): boolean => name.startsWith('__') || name === STORM;

async function topicsOf(client: Client, { topics }: ResponseOf<typeof Metadata>) {
  const views: [string, TopicView][] = [];
  for (const { name, topicId, partitions } of topics) {
    if (name === null) continue;
    const inOrder = partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex);
    const views_: PartitionView[] = [];
    for (const { partitionIndex, leaderEpoch } of isOpaque(name) ? [] : inOrder)
      views_.push(await viewPartition(client, name, partitionIndex, leaderEpoch));
    const replicas = inOrder.map((at) => `${at.partitionIndex}: ${at.replicaNodes} ${at.isrNodes}`);
    const configs = await configsOf(client, TOPIC, name);
    views.push([name, { topicId, configs, replicas, partitions: views_ }]);
  }
  return byName(views);
}

async function groupsOf(client: Client): Promise<Record<string, unknown>> {
  const { groups } = await client.ask(ListGroups, 4, { statesFilter: [] });
  const views: [string, unknown][] = [];
  for (const { groupId } of groups) {
    const { groups: described } = await client.ask(DescribeGroups, 5, {
      groups: [groupId],
      includeAuthorizedOperations: false,
    });
    const asked = { groups: [{ groupId, topics: null }], requireStable: false };
    const { groups: fetched } = await client.ask(OffsetFetch, 8, asked);
    const offsets = fetched[0]?.topics.flatMap(({ name, partitions }) =>
      partitions.map(
        (at) =>
          `${name}-${at.partitionIndex}: ${at.committedOffset} ${at.committedLeaderEpoch} ${at.metadata}`,
      ),
    );
    const members = described[0]?.members.map(({ memberMetadata, memberAssignment, ...member }) => ({
      ...member,
      memberMetadata: memberMetadata.toString('hex'),
      memberAssignment: memberAssignment.toString('hex'),
    }));
    views.push([groupId, { ...described[0], members, offsets: offsets?.sort() }]);
  }
  return byName(views);
}

async function transactionsOf(client: Client): Promise<Record<string, unknown>> {
  const all = { stateFilters: [], producerIdFilters: [] };
  const { transactionStates } = await client.ask(ListTransactions, 0, all);
  const ids = transactionStates.map(({ transactionalId }) => transactionalId);
  const described = await client.ask(DescribeTransactions, 0, { transactionalIds: ids });
  return byName(
    described.transactionStates.map(({ topics, ...state }) => [
      state.transactionalId,
      { ...state, topics: topics.map(({ topic, partitions }) => `${topic} ${partitions.toSorted()}`).sort() },
    ]),
  );
}

/** Waits until every partition has its leader, then looks at everything. */
export async function view(client: Client): Promise<World> {
  await client.prepare();
  const asked = { topics: null, allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false };
  const metadata = await client.ask(Metadata, 12, asked);
  const versions = await client.ask(ApiVersions, 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' });
  return {
    clusterId: metadata.clusterId,
    features: versions.finalizedFeatures,
    nodeConfigs: await configsOf(client, BROKER, `${NODE_ID}`),
    clusterConfigs: await configsOf(client, BROKER, ''),
    topics: await topicsOf(client, metadata),
    groups: await groupsOf(client),
    transactions: await transactionsOf(client),
  };
}

/** `found`, without what is bound to be new: epochs that began after `left` was seen. */
export function carriedOver(found: World, left: World): World {
  const topics = Object.entries(found.topics).map(([name, topic]): [string, TopicView] => {
    const partitions = topic.partitions.map((partition, index) => {
      const known = left.topics[name]?.partitions[index]?.epochEnds.length ?? 0;
      return { ...partition, epochEnds: partition.epochEnds.slice(0, known) };
    });
    return [name, { ...topic, partitions }];
  });
  return { ...found, topics: Object.fromEntries(topics) };
}
