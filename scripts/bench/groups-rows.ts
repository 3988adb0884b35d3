/** What is measured of groups and transactions, each row as a rate or a time and the CPU of the broker for it. */
import { readFileSync } from 'node:fs';
import { ErrorCode } from '../../protocol/errors.ts';
import { encodeRequestFrame } from '../../protocol/frame.ts';
import { FindCoordinator } from '../../protocol/messages/find-coordinator.ts';
import { Heartbeat } from '../../protocol/messages/heartbeat.ts';
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import { WireClient } from '../../test/helpers/wire-client.ts';
import { timeToManyStable, timeToStable } from './groups-member.ts';
import { TransactionProducers } from './groups-transactions.ts';
import { runLoad } from './load.ts';
import type { Frame } from './requests.ts';
import type { Server } from './servers.ts';
import { createTopic } from './servers.ts';

/** One round: `amount` of what the row counts in so many seconds, and the CPU time of the broker in them. */
export interface Round {
  readonly amount: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export interface GroupRow {
  readonly name: string;
  /** What is counted: one whole start of a group, one request, one transaction. */
  readonly of: 'start' | 'commit' | 'transaction';
  readonly measure: (server: Server, topic: string, isFirst: boolean) => Promise<Round>;
}

export interface GroupRowOptions {
  readonly seconds: number;
  readonly program: string | null;
}

const CLOCK_TICKS_PER_SECOND = 100;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** User and system time of a process in seconds. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

/** Asks until the coordinator of groups serves: Apache Kafka makes its topic only when it is asked. */
export async function untilCoordinated(port: number): Promise<void> {
  const client = await WireClient.connect(port);
  for (;;) {
    const { errorCode } = await client.send(FindCoordinator, 3, {
      key: 'bench',
      keyType: 0,
      coordinatorKeys: [],
    });
    if (errorCode === ErrorCode.NONE) {
      const beat = { groupId: 'bench', generationId: 1, memberId: 'x' };
      const tried = await client.send(Heartbeat, 4, beat);
      if (tried.errorCode === ErrorCode.UNKNOWN_MEMBER_ID) break;
    }
    await pause(50);
  }
  client.close();
}

/** OffsetCommit v7 of one partition, by a consumer that is in no group. */
function commitFrame(topic: string): Frame {
  const bytes = Buffer.concat(
    encodeRequestFrame(
      OffsetCommit,
      7,
      { correlationId: 1, clientId: 'bench' },
      {
        groupId: topic,
        generationIdOrMemberEpoch: -1,
        memberId: '',
        topics: [
          {
            name: topic,
            partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: '' }],
          },
        ],
      },
    ),
  );
  // size, correlation id, throttle time, count, name, count, index.
  return { bytes, errorAt: 4 + 4 + 4 + 4 + 2 + topic.length + 4 + 4, offsetAt: -1 };
}

async function start(server: Server, run: () => Promise<number>): Promise<Round> {
  const before = cpuSeconds(server.pid);
  const tookMs = await run();
  return { amount: 1, seconds: tookMs / 1000, cpuSeconds: cpuSeconds(server.pid) - before };
}

async function transactions(
  server: Server,
  topic: string,
  producerCount: number,
  seconds: number,
  warmupSeconds: number,
): Promise<Round> {
  for (let i = 0; i < producerCount; i++) await createTopic(server, `${topic}-${i}`);
  const producers = await TransactionProducers.start(server.port, { topic, producerCount, recordCount: 10 });
  const running = producers.run();
  // A failure is told as soon as it happens.
  const whenFailed = running.then(() => new Promise<never>(() => {}));
  const wait = (ms: number) => Promise.race([pause(ms), whenFailed]);
  await wait(warmupSeconds * 1000);
  const before = { count: producers.count, cpu: cpuSeconds(server.pid), at: performance.now() };
  await wait(seconds * 1000);
  const round = {
    amount: producers.count - before.count,
    seconds: (performance.now() - before.at) / 1000,
    cpuSeconds: cpuSeconds(server.pid) - before.cpu,
  };
  producers.stop();
  await running;
  producers.close();
  return round;
}

export function groupRows({ seconds, program }: GroupRowOptions): readonly GroupRow[] {
  const commits = (connections: number, depth: number): GroupRow => ({
    name: `offset commits, ${connections} x ${depth} deep`,
    of: 'commit',
    measure: async (server, topic, isFirst) => {
      await createTopic(server, topic);
      const result = await runLoad(program, server.port, {
        frame: commitFrame(topic),
        connections,
        depth,
        seconds,
        warmupSeconds: isFirst ? 3 : 0.5,
        pid: server.pid,
        maxBytes: 4e9,
      });
      return { amount: result.requests, seconds: result.seconds, cpuSeconds: result.cpuSeconds };
    },
  });
  const transacting = (producerCount: number): GroupRow => ({
    name: `transactions of 10 records, ${producerCount} producer${producerCount === 1 ? '' : 's'}`,
    of: 'transaction',
    measure: (server, topic, isFirst) =>
      transactions(server, topic, producerCount, seconds, isFirst ? 3 : 0.5),
  });
  return [
    {
      name: '50 consumers join one group',
      of: 'start',
      measure: (server, topic) => start(server, () => timeToStable(server.port, topic, 50)),
    },
    {
      name: '1,000 groups of one consumer',
      of: 'start',
      measure: (server, topic) => start(server, () => timeToManyStable(server.port, topic, 1_000)),
    },
    commits(1, 50),
    commits(10, 10),
    transacting(1),
    transacting(10),
  ];
}
