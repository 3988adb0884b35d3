/**
 * One of two brokers whose data paths are compared: short ways to produce, fetch and look up, and answers in words that
 * both sides share. What differs by nature (ids, ports, the time of an append, the wording of messages) is replaced.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readLegacyMessage, unfoldLegacy } from '../../../protocol/batch/legacy.ts';
import * as batch from '../../../protocol/batch.ts';
import { ApiVersions } from '../../../protocol/messages/api-versions.ts';
import { CreateTopics } from '../../../protocol/messages/create-topics.ts';
import { DeleteRecords } from '../../../protocol/messages/delete-records.ts';
import { Fetch } from '../../../protocol/messages/fetch.ts';
import { FindCoordinator } from '../../../protocol/messages/find-coordinator.ts';
import { IncrementalAlterConfigs } from '../../../protocol/messages/incremental-alter-configs.ts';
import { ListOffsets } from '../../../protocol/messages/list-offsets.ts';
import { Metadata } from '../../../protocol/messages/metadata.ts';
import { OffsetForLeaderEpoch } from '../../../protocol/messages/offset-for-leader-epoch.ts';
import { Produce } from '../../../protocol/messages/produce.ts';
import type { Api, RequestInput, ResponseOf } from '../../../protocol/schema.ts';
import { ZERO_UUID } from '../../../protocol/uuid.ts';
import { until } from '../../helpers/until.ts';
import { WireClient } from '../../helpers/wire-client.ts';

const TIMEOUT_MS = 5_000;
const SET_OPERATION = 0;
const TOPIC_RESOURCE = 2;
/** Kinds of coordinator. */
const GROUP = 0;
const TRANSACTION = 1;

export type Said = unknown;

export interface ProduceInput {
  readonly version?: number;
  readonly acks?: number;
  readonly partition?: number;
  readonly transactionalId?: string;
}

export interface FetchInput {
  readonly version?: number;
  readonly offset?: number;
  readonly partition?: number;
  readonly partitionMaxBytes?: number;
  readonly maxBytes?: number;
  readonly minBytes?: number;
  readonly maxWaitMs?: number;
  readonly isolationLevel?: number;
  readonly currentLeaderEpoch?: number;
  readonly lastFetchedEpoch?: number;
  readonly sessionId?: number;
  readonly sessionEpoch?: number;
  readonly replicaId?: number;
  readonly topicId?: string;
}

/** Everything a scenario may do to a broker. */
export class Side {
  readonly port: number;
  /** Set by scenarios that fetch with a session. */
  sessionId = 0;
  #client: WireClient | null = null;
  readonly #ids = new Map<string, string>();

  constructor(port: number) {
    this.port = port;
  }

  async raw<A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<ResponseOf<A>> {
    this.#client ??= await WireClient.connect(this.port);
    return this.#client.send(api, version, request);
  }

  /** Has the broker make its internal topics, which in Apache Kafka only their first use does. */
  async prepare(): Promise<void> {
    for (const keyType of [GROUP, TRANSACTION]) {
      await until(async () => {
        const asked = { key: 'any', keyType, coordinatorKeys: [] };
        return (await this.raw(FindCoordinator, 3, asked)).errorCode === 0;
      });
    }
  }

  /** Sends a request; its answer in shared words, or CLOSED. */
  async ask<A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<Said> {
    try {
      return this.words(await this.raw(api, version, request));
    } catch (error) {
      if (!/closed the connection/.test(`${error}`)) throw error;
      this.close();
      return 'CLOSED';
    }
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
  }

  async createTopic(
    name: string,
    configs: Readonly<Record<string, string>> = {},
    partitions = 1,
  ): Promise<void> {
    const answer = await this.raw(CreateTopics, 7, {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
      timeoutMs: 30_000,
      validateOnly: false,
    });
    const [topic] = answer.topics;
    if (topic?.errorCode !== 0) throw new Error(`${name}: ${topic?.errorCode} ${topic?.errorMessage}`);
    this.#ids.set(topic.topicId, name);
    await until(async () => {
      const { topics } = await this.raw(Metadata, 12, {
        topics: [{ topicId: ZERO_UUID, name }],
        allowAutoTopicCreation: false,
        includeTopicAuthorizedOperations: false,
      });
      return topics[0]?.partitions.every(({ leaderId }) => leaderId >= 0) ?? false;
    });
    // Metadata may know of a leader before the leader knows of itself.
    await until(async () => (await this.#endOffset(name)) === 0);
  }

  async #endOffset(topic: string): Promise<number> {
    const partitions = [{ partitionIndex: 0, timestamp: -1, currentLeaderEpoch: -1 }];
    const { topics } = await this.raw(ListOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: topic, partitions }],
    });
    return topics[0]?.partitions[0]?.offset ?? -1;
  }

  async setConfigs(topic: string, configs: Readonly<Record<string, string>>): Promise<Said> {
    return this.ask(IncrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: TOPIC_RESOURCE,
          resourceName: topic,
          configs: Object.entries(configs).map(([name, value]) => ({
            name,
            configOperation: SET_OPERATION,
            value,
          })),
        },
      ],
      validateOnly: false,
    });
  }

  topicId(topic: string): string {
    for (const [id, name] of this.#ids) if (name === topic) return id;
    throw new Error(`no topic ${topic}`);
  }

  /** The answer for the one partition; with acks 0 whether the connection lives on. */
  async produce(topic: string, records: Buffer | null, input: ProduceInput = {}): Promise<Said> {
    const { version = 10, acks = -1, partition = 0, transactionalId = null } = input;
    const request = {
      transactionalId,
      acks,
      timeoutMs: TIMEOUT_MS,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    };
    if (acks !== 0) return this.#first(await this.ask(Produce, version, request), 'partitionResponses');
    this.#client ??= await WireClient.connect(this.port);
    this.#client.post(Produce, version, request);
    const after = await this.ask(ApiVersions, 0, { clientSoftwareName: '', clientSoftwareVersion: '' });
    return after === 'CLOSED' ? 'CLOSED' : 'ALIVE';
  }

  async fetch(topic: string, input: FetchInput = {}): Promise<Said> {
    return this.#first(await this.fetchAll([topic], input), 'partitions');
  }

  async fetchAll(topics: readonly string[], input: FetchInput = {}): Promise<Said> {
    const { version = 16, replicaId = -1 } = input;
    return this.ask(Fetch, version, {
      ...(version < 15 ? { replicaId } : { replicaState: { replicaId, replicaEpoch: -1 } }),
      maxWaitMs: input.maxWaitMs ?? 0,
      minBytes: input.minBytes ?? 1,
      maxBytes: input.maxBytes ?? 10_000_000,
      isolationLevel: input.isolationLevel ?? 0,
      sessionId: input.sessionId ?? 0,
      sessionEpoch: input.sessionEpoch ?? -1,
      topics: topics.map((topic) => ({
        topic,
        topicId: input.topicId ?? this.topicId(topic),
        partitions: [
          {
            partition: input.partition ?? 0,
            currentLeaderEpoch: input.currentLeaderEpoch ?? -1,
            fetchOffset: input.offset ?? 0,
            lastFetchedEpoch: version >= 12 ? (input.lastFetchedEpoch ?? -1) : -1,
            logStartOffset: -1,
            partitionMaxBytes: input.partitionMaxBytes ?? 1_000_000,
          },
        ],
      })),
      forgottenTopicsData: [],
      rackId: '',
    });
  }

  async listOffset(
    topic: string,
    timestamp: number,
    input: { version?: number; isolationLevel?: number; replicaId?: number; maxNumOffsets?: number } = {},
  ): Promise<Said> {
    const { version = 8, isolationLevel = 0, replicaId = -1, maxNumOffsets = 10 } = input;
    const part = {
      partitionIndex: 0,
      currentLeaderEpoch: -1,
      timestamp,
      ...(version === 0 ? { maxNumOffsets } : {}),
    };
    const answer = await this.ask(ListOffsets, version, {
      replicaId,
      isolationLevel,
      topics: [{ name: topic, partitions: [part] }],
    });
    return this.#first(answer, 'partitions');
  }

  async epochEnd(topic: string, leaderEpoch: number, version = 4, currentLeaderEpoch = -1): Promise<Said> {
    return this.ask(OffsetForLeaderEpoch, version, {
      ...(version >= 3 ? { replicaId: -1 } : {}),
      topics: [{ topic, partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch }] }],
    });
  }

  async deleteRecords(topic: string, offset: number, version = 2): Promise<Said> {
    const topics = [{ name: topic, partitions: [{ partitionIndex: 0, offset }] }];
    return this.ask(DeleteRecords, version, { topics, timeoutMs: TIMEOUT_MS });
  }

  /** The one partition of an answer, where it has no more and says nothing at its top. */
  #first(answer: Said, field: string): Said {
    if (answer === 'CLOSED') return answer;
    const { responses, topics, errorCode } = answer as Record<
      string,
      Record<string, unknown[]>[] | undefined
    >;
    const all = (responses ?? topics ?? []).flatMap((topic) => topic[field] ?? []);
    return all.length === 1 && ((errorCode as unknown as number | undefined) ?? 0) === 0 ? all[0] : answer;
  }

  /** An answer without what is this broker's own. */
  words(value: unknown, name = ''): unknown {
    if (Buffer.isBuffer(value)) return describeRecords(value);
    if (typeof value === 'bigint') return this.words(Number(value), name);
    if (Array.isArray(value)) {
      const said = value.map((element) => this.words(element, name));
      // Kafka answers in the order of a hash table.
      return name === 'partitionResponses' ? said.sort((a, b) => indexOf(a) - indexOf(b)) : said;
    }
    if (typeof value === 'number') return this.#number(value, name);
    if (typeof value === 'string') {
      if (/Message$/.test(name)) return value === '' ? '' : 'TEXT';
      return name === 'topicId' ? (this.#ids.get(value) ?? 'NO TOPIC') : value;
    }
    if (value === null || typeof value !== 'object') return value;
    const entries = Object.entries(value).filter(([key]) => key !== 'throttleTimeMs');
    return Object.fromEntries(entries.map(([key, element]) => [key, this.words(element, key)]));
  }

  #number(value: number, name: string): unknown {
    if (name === 'sessionId' && value !== 0) {
      this.sessionId = value;
      return 'SESSION';
    }
    if (name === 'port') return 'PORT';
    return isRecent(value, name) ? 'NOW' : value;
  }
}

const indexOf = (response: unknown): number => (response as { index: number }).index;

/** Scenarios stamp their records an hour back and more: what is newer is the broker's own time. */
const startedMs = Date.now() - 60_000;
const isRecent = (value: number, name: string): boolean =>
  /(timestamp|TimeMs)/i.test(name) && value >= startedMs && value < startedMs + 3_600_000;

const digest = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex').slice(0, 12);

/** The records of an answer, batch by batch; what is cut off at the end is left out, as clients do. */
export function describeRecords(records: Buffer): unknown[] {
  const described: unknown[] = [];
  for (let pos = 0; records.length - pos >= 17; ) {
    const size = batch.sizeInBytes(records, pos);
    if (size > records.length - pos) break;
    const bytes = records.subarray(pos, pos + size);
    described.push(batch.magic(bytes) === 2 ? describeBatch(bytes) : describeMessage(bytes));
    pos += size;
  }
  return described;
}

const time = (timestampMs: number): unknown => (isRecent(timestampMs, 'timestamp') ? 'NOW' : timestampMs);

function describeBatch(bytes: Buffer): unknown {
  const records = [...batch.iterateRecords(bytes)].map((record) => ({
    offset: record.offset,
    timestampMs: time(record.timestampMs),
    key: record.key === null ? null : digest(record.key),
    value: record.value === null ? null : digest(record.value),
    headers: record.headers.map(({ key, value }) => `${key}=${value === null ? null : digest(value)}`),
  }));
  const isOwnTime = isRecent(batch.maxTimestamp(bytes), 'timestamp');
  return {
    baseOffset: batch.baseOffset(bytes),
    lastOffset: batch.lastOffset(bytes),
    epoch: batch.partitionLeaderEpoch(bytes),
    attributes: batch.attributes(bytes),
    baseTimestamp: time(batch.firstTimestamp(bytes)),
    maxTimestamp: time(batch.maxTimestamp(bytes)),
    producer: [batch.producerId(bytes), batch.producerEpoch(bytes), batch.baseSequence(bytes)],
    isCrcValid: batch.isCrcValid(bytes),
    // Codecs fold the same bytes differently; plain batches must be the same bit for bit.
    ...(batch.compressionId(bytes) === 0 && !isOwnTime ? { bytes: digest(bytes) } : {}),
    records,
  };
}

function describeMessage(bytes: Buffer): unknown {
  const message = readLegacyMessage(bytes, 0);
  if (message === null) return { malformed: bytes.toString('hex') };
  return {
    magic: message.magic,
    codec: message.codec,
    offset: message.offset,
    timestampType: message.timestampType,
    timestampMs: time(message.timestampMs),
    isCrcValid: message.isCrcValid,
    ...(message.codec === 0 && time(message.timestampMs) !== 'NOW' ? { bytes: digest(bytes) } : {}),
    messages: unfoldLegacy(message, 10_000_000).map(({ offset, timestampMs, key, value, isCrcValid }) => ({
      offset,
      timestampMs: time(timestampMs),
      key: key === null ? null : digest(key),
      value: value === null ? null : digest(value),
      isCrcValid,
    })),
  };
}
