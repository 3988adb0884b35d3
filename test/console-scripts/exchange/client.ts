/** A client that is patient while a broker that has just started takes up its partitions, and with nothing else. */
import type { BatchInput } from '../../../protocol/batch.ts';
import { buildBatch } from '../../../protocol/batch.ts';
import { ErrorCode } from '../../../protocol/errors.ts';
import { FindCoordinator } from '../../../protocol/messages/find-coordinator.ts';
import { Produce } from '../../../protocol/messages/produce.ts';
import type { Api, RequestInput, ResponseOf } from '../../../protocol/schema.ts';
import { until } from '../../helpers/until.ts';
import { WireClient } from '../../helpers/wire-client.ts';

const TIMEOUT_MS = 20_000;

/** Codes that end by waiting: leadership and coordinators that are on their way, a transaction that is being ended. */
const TRANSIENT: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.LEADER_NOT_AVAILABLE,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.CONCURRENT_TRANSACTIONS,
]);

/** Every error code of an answer, but for NONE. */
function errorCodes(value: unknown, name = ''): number[] {
  if (typeof value === 'number') return /errorCode$/i.test(name) && value !== 0 ? [value] : [];
  if (Buffer.isBuffer(value) || value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, element]) => errorCodes(element, key));
}

export interface Sent {
  readonly errorCode: number;
  readonly baseOffset: number;
}

export class Client {
  readonly wire: WireClient;

  constructor(wire: WireClient) {
    this.wire = wire;
  }

  static async connect(port: number): Promise<Client> {
    return new Client(await WireClient.connect(port));
  }

  close(): void {
    this.wire.close();
  }

  /** The answer, once it holds no code that ends by waiting. */
  async settled<A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<ResponseOf<A>> {
    let answer: ResponseOf<A> | undefined;
    await until(async () => {
      answer = await this.wire.send(api, version, request);
      return !errorCodes(answer).some((code) => TRANSIENT.has(code));
    });
    if (answer === undefined) throw new Error('until() has asked');
    return answer;
  }

  /** The answer to a request that must succeed in every part. */
  async ask<A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<ResponseOf<A>> {
    const answer = await this.settled(api, version, request);
    const codes = errorCodes(answer);
    if (codes.length > 0) throw new Error(`${api.name}: ${JSON.stringify(answer, printable)}`);
    return answer;
  }

  /** Has the broker make its internal topics, which in Apache Kafka only their first use does. */
  async prepare(): Promise<void> {
    for (const keyType of [0, 1])
      await this.ask(FindCoordinator, 3, { key: 'any', keyType, coordinatorKeys: [] });
  }

  /** Sends one batch; what the broker says to it is for the caller to judge. */
  async send(
    topic: string,
    partition: number,
    input: BatchInput,
    transactionalId: string | null = null,
  ): Promise<Sent> {
    const { responses } = await this.settled(Produce, 9, {
      transactionalId,
      acks: -1,
      timeoutMs: TIMEOUT_MS,
      topicData: [{ name: topic, partitionData: [{ index: partition, records: buildBatch(input) }] }],
    });
    const answer = responses[0]?.partitionResponses[0];
    return { errorCode: answer?.errorCode ?? -1, baseOffset: answer?.baseOffset ?? -1 };
  }
}

const printable = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);
