/**
 * Requests to the coordinators of groups and transactions that would be right, what they count on, and how a changed one
 * is sent and its answer told: in the names of all error codes in it, each once, in the order of their first appearance,
 * and the states of groups and transactions; or CLOSED where the connection is ended instead.
 */
import { errorName } from '../../protocol/errors.ts';
import { encodeRequestFrame } from '../../protocol/frame.ts';
import { apiOf } from '../console-scripts/wire-compare/case.ts';
import type { Struct } from '../console-scripts/wire-compare/requests.ts';
import { shape } from '../console-scripts/wire-compare/requests.ts';
import type { Side } from '../console-scripts/wire-compare/side.ts';
import { until } from '../helpers/until.ts';
import { WireClient } from '../helpers/wire-client.ts';

/** For both brokers. */
export const inputProperties = {
  'node.id': '1',
  // Whether a topic that was asked for is there a moment later is chance.
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': '0',
};

/** What is there before the first row. */
export interface Input {
  /** The only member of the stable group `stable`. */
  readonly memberId: string;
  readonly generationId: number;
  /** Of the static member `instance` of the stable group `static`. */
  readonly staticMemberId: string;
  /** Of the transactional id `open`, whose transaction has partition 0 of `topic` in it. */
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface InputRow {
  readonly api: string;
  readonly version: number;
  readonly what: string;
  readonly request: (input: Input) => Struct;
  readonly expected: string;
}

export const TOPIC = 'topic';
/** Stands for a string that is longer than any may be: only the bytes of a flexible version can claim it. */
export const HUGE = '64-kibibytes-are-to-stand-here';
const HUGE_BYTES = 65_536;

const protocols = [{ name: 'range', metadata: Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, 0]) }];
export const offsets = (
  name = TOPIC,
  partitionIndex = 0,
  committedMetadata: string | null = '',
): Struct[] => [{ name, partitions: [{ partitionIndex, committedOffset: 1n, committedMetadata }] }];

export const marker = (changes: Struct): Struct => ({
  producerId: 4_000_000,
  producerEpoch: 0,
  transactionResult: true,
  topics: [{ name: TOPIC, partitionIndexes: [1] }],
  coordinatorEpoch: 0,
  ...changes,
});

/** Requests that would be right. */
export const bases: Readonly<Record<string, (input: Input) => Struct>> = {
  JoinGroup: () => ({
    groupId: 'joined',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols,
  }),
  SyncGroup: ({ memberId, generationId }) => ({
    groupId: 'stable',
    memberId,
    generationId,
    protocolType: 'consumer',
    protocolName: 'range',
  }),
  Heartbeat: ({ memberId, generationId }) => ({ groupId: 'stable', memberId, generationId }),
  LeaveGroup: () => ({ groupId: 'stable', members: [{ memberId: 'nobody', groupInstanceId: null }] }),
  OffsetCommit: ({ memberId, generationId }) => ({
    groupId: 'stable',
    memberId,
    generationIdOrMemberEpoch: generationId,
    topics: offsets(),
  }),
  OffsetFetch: () => ({ groups: [{ groupId: 'stable', topics: [{ name: TOPIC, partitionIndexes: [0] }] }] }),
  OffsetDelete: () => ({
    groupId: 'offsets',
    topics: [{ name: TOPIC, partitions: [{ partitionIndex: 1 }] }],
  }),
  DeleteGroups: () => ({ groupsNames: ['unknown'] }),
  DescribeGroups: () => ({ groups: ['stable'] }),
  ListGroups: () => ({ statesFilter: ['NoSuchState'] }),
  FindCoordinator: () => ({ keyType: 0, coordinatorKeys: ['stable'] }),
  InitProducerId: () => ({ transactionalId: 'begun', transactionTimeoutMs: 60_000 }),
  AddPartitionsToTxn: ({ producerId, producerEpoch }) => ({
    v3AndBelowTransactionalId: 'open',
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: producerEpoch,
    v3AndBelowTopics: [{ name: TOPIC, partitions: [0] }],
  }),
  AddOffsetsToTxn: ({ producerId, producerEpoch }) => ({
    transactionalId: 'open',
    producerId,
    producerEpoch,
    groupId: 'in-transaction',
  }),
  EndTxn: ({ producerId, producerEpoch }) => ({
    transactionalId: 'open',
    producerId,
    producerEpoch,
    committed: true,
  }),
  TxnOffsetCommit: ({ producerId, producerEpoch }) => ({
    transactionalId: 'open',
    producerId,
    producerEpoch,
    groupId: 'in-transaction',
    topics: offsets(),
  }),
  WriteTxnMarkers: () => ({ markers: [marker({})] }),
  DescribeTransactions: () => ({ transactionalIds: ['open'] }),
  ListTransactions: () => ({ stateFilters: [], producerIdFilters: [] }),
  DescribeProducers: () => ({ topics: [{ name: TOPIC, partitionIndexes: [0] }] }),
};
/** What the codes and states in an answer are called. */
function summary(answer: Struct | string): string {
  if (typeof answer === 'string') return answer;
  const words = new Set<string>();
  const visit = (value: unknown, name: string): void => {
    if (Array.isArray(value)) for (const one of value) visit(one, name);
    else if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value)) {
      for (const [key, one] of Object.entries(value)) visit(one, key);
    } else if (/^(e|partitionE)rrorCode$/.test(name)) words.add(errorName(value as number));
    else if (/^(group|transaction)State$/.test(name) && value !== '') words.add(String(value));
    else if (name === 'unknownStateFilters') words.add(String(value));
  };
  visit(answer, '');
  return [...words].join(' ');
}

const isWaiting = (answer: Struct): boolean =>
  /COORDINATOR|CONCURRENT_TRANSACTIONS|NOT_ENOUGH_REPLICAS/.test(summary(answer));

/** Sends until the coordinator is there. */
async function sent(side: Side, api: string, version: number, request: Struct): Promise<Struct> {
  let answer: Struct = {};
  await until(async () => {
    answer = await side.do(apiOf(api), version, request);
    return !isWaiting(answer);
  });
  return answer;
}

async function stableMember(side: Side, groupId: string, groupInstanceId: string | null): Promise<Struct> {
  const base = bases['JoinGroup']?.({} as Input);
  const join = { ...base, groupId, groupInstanceId, sessionTimeoutMs: 120_000, rebalanceTimeoutMs: 120_000 };
  let joined = await sent(side, 'JoinGroup', 7, join);
  if (summary(joined) === 'MEMBER_ID_REQUIRED') {
    joined = await sent(side, 'JoinGroup', 7, { ...join, memberId: joined['memberId'] });
  }
  const { memberId, generationId } = joined;
  const assignments = [{ memberId, assignment: Buffer.alloc(1) }];
  await sent(side, 'SyncGroup', 3, { groupId, memberId, generationId, groupInstanceId, assignments });
  return { memberId, generationId };
}

/** Makes what the rows count on. */
export async function prepareInput(side: Side): Promise<Input> {
  const topics = [{ name: TOPIC, numPartitions: 2, replicationFactor: 1, assignments: [], configs: [] }];
  await side.do(apiOf('CreateTopics'), 7, { topics, timeoutMs: 10_000 });
  await side.learnOf(TOPIC);
  await sent(side, 'FindCoordinator', 3, { key: 'stable', keyType: 0 });
  await sent(side, 'FindCoordinator', 3, { key: 'open', keyType: 1 });
  const { memberId, generationId } = await stableMember(side, 'stable', null);
  const { memberId: staticMemberId } = await stableMember(side, 'static', 'instance');
  await sent(side, 'OffsetCommit', 8, { groupId: 'offsets', topics: offsets() });
  const { producerId, producerEpoch } = await sent(side, 'InitProducerId', 4, {
    transactionalId: 'open',
    transactionTimeoutMs: 600_000,
  });
  const input = { memberId, generationId, staticMemberId, producerId, producerEpoch } as Input;
  await sent(side, 'AddPartitionsToTxn', 3, bases['AddPartitionsToTxn']?.(input) ?? {});
  return input;
}

export async function answerTo(side: Side, input: Input, row: InputRow): Promise<string> {
  const api = apiOf(row.api);
  const request = shape(api.request, row.version, row.request(input));
  const frame = Buffer.concat(
    encodeRequestFrame(api, row.version, { correlationId: 1, clientId: 'input' }, request as never),
  );
  // A compact string has its length and one in front.
  const placeholder = Buffer.from(`${String.fromCharCode(HUGE.length + 1)}${HUGE}`, 'latin1');
  const at = frame.indexOf(placeholder);
  if (at < 0) return summary(await side.ask(api, row.version, request));
  const size = [
    ((HUGE_BYTES + 1) & 0x7f) | 0x80,
    (((HUGE_BYTES + 1) >> 7) & 0x7f) | 0x80,
    (HUGE_BYTES + 1) >> 14,
  ];
  const huge = [Buffer.from(size), Buffer.alloc(HUGE_BYTES, 'g')];
  const client = await WireClient.connect(side.port);
  client.sendFrame(Buffer.concat([frame.subarray(4, at), ...huge, frame.subarray(at + placeholder.length)]));
  const outcome = await client.nextFrame().then(
    () => 'an answer',
    () => 'CLOSED',
  );
  client.close();
  return outcome;
}
