/** What a story is: something that clients go on with, turn after turn, whoever serves. */
import type { RecordInput } from '../../../protocol/batch/record.ts';
import { CreateTopics } from '../../../protocol/messages/create-topics.ts';
import type { Client } from './client.ts';
import type { Side } from './node.ts';

export interface Turn {
  /** 0 in the first turn, in which a story begins. */
  readonly number: number;
  readonly side: Side;
  readonly client: Client;
  /** The data directory, for stories that wait for work in the background. */
  readonly directory: string;
}

export interface Story {
  readonly name: string;
  play(turn: Turn): Promise<void>;
}

const TIMEOUT_MS = 20_000;
/** Young enough for every retention, and the same clock for both brokers. */
const startedMs = Date.now() - 600_000;
let made = 0;

/** Records that are told apart by all they have: no two have the same value or timestamp. */
export function someRecords(count: number, more: (index: number) => RecordInput = () => ({})): RecordInput[] {
  return Array.from({ length: count }, (_, index) => {
    const number = made++;
    return {
      timestampMs: startedMs + number,
      key: Buffer.from(`key ${number}`),
      value: Buffer.from(`value ${number} `.repeat(1 + (number % 7))),
      headers: [
        { key: 'number', value: Buffer.from(`${number}`) },
        { key: 'number', value: null },
        { key: 'Prüfung ✓', value: Buffer.alloc(0) },
      ],
      ...more(index),
    };
  });
}

export async function createTopic(
  client: Client,
  name: string,
  numPartitions: number,
  configs: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { topics } = await client.ask(CreateTopics, 7, {
    topics: [
      {
        name,
        numPartitions,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
    timeoutMs: TIMEOUT_MS,
  });
  return topics[0]?.topicId ?? '';
}
