/**
 * One of the two brokers that are compared: how requests reach it, and what its answers say once everything that
 * differs by nature (ids, ports, times, random names) is replaced by a word.
 */
import { LOG_OVERHEAD, sizeInBytes } from '../../../protocol/batch.ts';
import { ApiVersions } from '../../../protocol/messages/api-versions.ts';
import { Metadata } from '../../../protocol/messages/metadata.ts';
import type { Api, Field, Fields } from '../../../protocol/schema.ts';
import { ZERO_UUID } from '../../../protocol/uuid.ts';
import { until } from '../../helpers/until.ts';
import { WireClient } from '../../helpers/wire-client.ts';
import type { Struct, Value } from './requests.ts';
import { shape } from './requests.ts';

/** How long a broker may keep a request: above the waits that requests ask for. */
const SILENCE_MS = 5_000;

/** Apache Kafka cuts the answer at the limit, in the midst of a batch: clients skip the part, so it is left out. */
function wholeBatches(records: Buffer): string {
  let end = 0;
  while (end + LOG_OVERHEAD <= records.length && end + sizeInBytes(records, end) <= records.length) {
    end += sizeInBytes(records, end);
  }
  return records.toString('hex', 0, end);
}

export class Side {
  readonly port: number;
  /** What ApiVersions of the other side lists: nothing else of the list is compared. */
  keys: ReadonlySet<number> | null = null;
  #client: WireClient | null = null;
  #topicNames = new Map<string, string>();
  #clusterId = '';
  #clusterName = '';

  constructor(port: number) {
    this.port = port;
  }

  /** Sends a request as it is. The answer is decoded; or one of the words CLOSED and SILENT. */
  async ask(api: Api, version: number, request: Struct): Promise<Struct | 'CLOSED' | 'SILENT'> {
    this.#client ??= await WireClient.connect(this.port);
    const client = this.#client;
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<'SILENT'>((resolve) => {
      timer = setTimeout(() => resolve('SILENT'), SILENCE_MS);
    });
    const answer = client.send(api, version, request as never).catch((cause: Error) => {
      if (!/closed the connection/.test(cause.message)) throw cause;
      return 'CLOSED' as const;
    });
    const outcome = (await Promise.race([answer, silence])) as Struct | 'CLOSED' | 'SILENT';
    clearTimeout(timer);
    if (typeof outcome === 'string') this.close();
    return outcome;
  }

  /** Sends what a test needs done, with fields left out where they have a default. */
  async do(api: Api, version: number, request: Struct): Promise<Struct> {
    const answer = await this.ask(api, version, shape(api.request, version, request));
    if (typeof answer === 'string') throw new Error(`${api.name} ${version}: ${answer}`);
    return answer;
  }

  async served(): Promise<Map<number, readonly [number, number]>> {
    const { apiKeys } = (await this.do(ApiVersions, 0, {})) as {
      apiKeys: { apiKey: number; minVersion: number; maxVersion: number }[];
    };
    return new Map(
      apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion] as const]),
    );
  }

  /** Learns the ids that answers may name. */
  async learn(): Promise<void> {
    const { topics, clusterId } = (await this.do(Metadata, 12, { topics: null })) as {
      topics: { name: string; topicId: string }[];
      clusterId: string;
    };
    this.#clusterId = clusterId;
    this.#clusterName = 'CLUSTER';
    for (const { name, topicId } of topics) this.#topicNames.set(topicId, name);
  }

  /** Asks until a topic that was just made is known: in Apache Kafka that comes after the answer. */
  async learnOf(topic: string): Promise<void> {
    await until(async () => {
      await this.learn();
      return [...this.#topicNames.values()].includes(topic);
    });
  }

  topicId(topic: string): string {
    for (const [id, name] of this.#topicNames) if (name === topic) return id;
    throw new Error(`no topic ${topic}`);
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
  }

  /** The answer in words that both sides share. */
  normal(api: Api, answer: Struct | string): Value {
    return typeof answer === 'string' ? answer : this.#struct(api, api.response, answer);
  }

  #struct(api: Api, fields: Fields, value: Struct): Struct {
    const said = Object.entries(value)
      .filter(([name]) => name !== 'throttleTimeMs')
      .map(([name, one]) => [name, this.#value(api, name, fields[name] as Field, one)]);
    return Object.fromEntries(said) as Struct;
  }

  #value(api: Api, name: string, field: Field, value: Value): Value {
    if (value === null || value === undefined) return null;
    if (Array.isArray(value)) {
      const { element } = field;
      if (element === null) return value;
      const wanted =
        name === 'apiKeys' ? value.filter(({ apiKey }) => this.keys?.has(apiKey) !== false) : value;
      const said = wanted.map((one) => this.#value(api, name, element, one));
      return said.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    }
    if (field.fields !== null) return this.#struct(api, field.fields, value as Struct);
    if (Buffer.isBuffer(value)) return field.type === 'records' ? wholeBatches(value) : value.toString('hex');
    if (typeof value === 'bigint') return `${value}`;
    if (typeof value === 'number') return this.#number(api, name, value);
    if (field.type === 'uuid') {
      const id = value as string;
      const topic = this.#topicNames.get(id);
      return id === ZERO_UUID ? 'ZERO' : topic === undefined ? 'UUID' : `ID(${topic})`;
    }
    return typeof value === 'string' ? this.#string(name, value) : value;
  }

  #number(api: Api, name: string, value: number): Value {
    if (name === 'port' && value === this.port) return 'PORT';
    if (/^(totalBytes|usableBytes)$/.test(name)) return 'BYTES';
    if (
      /^(sessionId|producerId|finalizedFeaturesEpoch)$/.test(name) &&
      (value > 0 || (name === 'producerId' && value === 0))
    )
      return 'NUMBER';
    if (/(AppendTimeMs|Timestamp|StartTimeMs)$/.test(name) && value > 1_750_000_000_000) return 'TIME';
    if (api.name === 'DescribeQuorum' && /^(leaderEpoch|highWatermark|logEndOffset)$/.test(name))
      return 'NUMBER';
    return value;
  }

  #string(name: string, value: string): Value {
    if (name === 'clusterId' && value === this.#clusterId) return this.#clusterName;
    if (name === 'logDir') return 'DIR';
    return value
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
      .replaceAll(`:${this.port}`, ':PORT');
  }
}
