/**
 * Wrong input for the coordinators of groups and transactions, and what Apache Kafka 3.7.0 answers to it.
 *
 * A row changes one thing of a request that would be right otherwise, or at least well-formed; what is expected is told as
 * in coordinator-input.ts. The same table is held against our broker and against Apache Kafka.
 */
import type { Struct } from '../console-scripts/wire-compare/requests.ts';
import type { Input, InputRow } from './coordinator-input.ts';
import { bases, HUGE, marker, offsets, TOPIC } from './coordinator-input.ts';

const LONG_MAX = Number.MAX_SAFE_INTEGER;
const LONGEST = 'g'.repeat(32_767);

type Change = Struct | ((input: Input) => Struct);

function rows(
  api: string,
  version: number,
  list: readonly (readonly [string, Change, string])[],
): InputRow[] {
  return list.map(([what, change, expected]) => ({
    api,
    version,
    what,
    request: (input) => {
      const base = bases[api]?.(input) ?? {};
      return { ...base, ...(typeof change === 'function' ? change(input) : change) };
    },
    expected,
  }));
}

/** What still works after all of it. */
export const afterwards: readonly InputRow[] = [
  ...rows('Heartbeat', 4, [['as it should be', {}, 'NONE']]),
  ...rows('OffsetCommit', 8, [['as it should be', {}, 'NONE']]),
  ...rows('AddPartitionsToTxn', 3, [['as it should be', {}, 'NONE']]),
  ...rows('DescribeTransactions', 0, [['as it should be', {}, 'NONE Ongoing']]),
  // These fence the producer, whose transaction is aborted.
  ...rows('InitProducerId', 4, [
    [
      'a later epoch',
      ({ producerId, producerEpoch }) => ({
        transactionalId: 'open',
        producerId,
        producerEpoch: producerEpoch + 1,
      }),
      'CONCURRENT_TRANSACTIONS',
    ],
    [
      'a negative producer id',
      { transactionalId: 'open', producerId: -5, producerEpoch: 0 },
      'CONCURRENT_TRANSACTIONS',
    ],
  ]),
  ...rows('EndTxn', 3, [['of a producer that was fenced', {}, 'PRODUCER_FENCED']]),
];

export const inputRows: readonly InputRow[] = [
  ...rows('JoinGroup', 9, [
    ['an empty group id', { groupId: '' }, 'INVALID_GROUP_ID'],
    ['a group named __proto__', { groupId: '__proto__' }, 'MEMBER_ID_REQUIRED'],
    ['a group named constructor', { groupId: 'constructor' }, 'MEMBER_ID_REQUIRED'],
    ['a group id of 32767 characters', { groupId: LONGEST }, 'MEMBER_ID_REQUIRED'],
    ['a group id of 64 KiB', { groupId: HUGE }, 'CLOSED'],
    ['an unknown member', { memberId: 'nobody' }, 'UNKNOWN_MEMBER_ID'],
    [
      'an unknown member of a group that is there',
      { groupId: 'stable', memberId: 'nobody' },
      'UNKNOWN_MEMBER_ID',
    ],
    ['a member named __proto__', { groupId: 'stable', memberId: '__proto__' }, 'UNKNOWN_MEMBER_ID'],
    ['a member id of 64 KiB', { groupId: 'stable', memberId: HUGE }, 'CLOSED'],
    ['a negative session timeout', { sessionTimeoutMs: -1 }, 'INVALID_SESSION_TIMEOUT'],
    ['a session timeout of 0', { sessionTimeoutMs: 0 }, 'INVALID_SESSION_TIMEOUT'],
    ['too long a session timeout', { sessionTimeoutMs: 2 ** 31 - 1 }, 'INVALID_SESSION_TIMEOUT'],
    ['no protocols', { protocols: [] }, 'INCONSISTENT_GROUP_PROTOCOL'],
    ['an empty protocol type', { protocolType: '' }, 'INCONSISTENT_GROUP_PROTOCOL'],
    [
      'another protocol type than the group has',
      { groupId: 'stable', protocolType: 'connect' },
      'INCONSISTENT_GROUP_PROTOCOL',
    ],
    [
      'no protocol that the group has',
      { groupId: 'stable', protocols: [{ name: '__proto__', metadata: Buffer.alloc(0) }] },
      'INCONSISTENT_GROUP_PROTOCOL',
    ],
    [
      'a static member with a foreign id',
      { groupId: 'static', groupInstanceId: 'instance', memberId: 'x' },
      'FENCED_INSTANCE_ID',
    ],
    [
      'an instance that is not there',
      { groupId: 'static', groupInstanceId: 'other', memberId: 'x' },
      'UNKNOWN_MEMBER_ID',
    ],
  ]),
  ...rows('SyncGroup', 5, [
    ['an empty group id', { groupId: '' }, 'INVALID_GROUP_ID'],
    ['an unknown group', { groupId: 'unknown' }, 'UNKNOWN_MEMBER_ID'],
    ['a group named __proto__', { groupId: '__proto__' }, 'UNKNOWN_MEMBER_ID'],
    ['a group id of 64 KiB', { groupId: HUGE }, 'CLOSED'],
    ['no member', { memberId: '' }, 'UNKNOWN_MEMBER_ID'],
    ['an unknown member', { memberId: 'nobody' }, 'UNKNOWN_MEMBER_ID'],
    ['a member named __proto__', { memberId: '__proto__' }, 'UNKNOWN_MEMBER_ID'],
    ['a negative generation', { generationId: -1 }, 'ILLEGAL_GENERATION'],
    ['the least generation', { generationId: -(2 ** 31) }, 'ILLEGAL_GENERATION'],
    ['a later generation', ({ generationId }) => ({ generationId: generationId + 1 }), 'ILLEGAL_GENERATION'],
    ['another protocol', { protocolName: 'other' }, 'INCONSISTENT_GROUP_PROTOCOL'],
    ['another protocol type', { protocolType: 'connect' }, 'INCONSISTENT_GROUP_PROTOCOL'],
    ['no protocol type', { protocolType: null }, 'INCONSISTENT_GROUP_PROTOCOL'],
    ['no protocol', { protocolName: null }, 'INCONSISTENT_GROUP_PROTOCOL'],
    ['an instance that is not there', { groupInstanceId: 'other' }, 'UNKNOWN_MEMBER_ID'],
    [
      'a static member with a foreign id',
      { groupId: 'static', groupInstanceId: 'instance', memberId: 'x' },
      'FENCED_INSTANCE_ID',
    ],
    [
      'assignments for foreign members',
      { assignments: [{ memberId: '__proto__', assignment: Buffer.alloc(9) }] },
      'NONE',
    ],
  ]),
  ...rows('Heartbeat', 4, [
    ['an empty group id', { groupId: '' }, 'INVALID_GROUP_ID'],
    ['an unknown group', { groupId: 'unknown' }, 'UNKNOWN_MEMBER_ID'],
    ['a group named __proto__', { groupId: '__proto__' }, 'UNKNOWN_MEMBER_ID'],
    ['a group id of 64 KiB', { groupId: HUGE }, 'CLOSED'],
    ['no member', { memberId: '' }, 'UNKNOWN_MEMBER_ID'],
    ['an unknown member', { memberId: 'nobody' }, 'UNKNOWN_MEMBER_ID'],
    ['a member named constructor', { memberId: 'constructor' }, 'UNKNOWN_MEMBER_ID'],
    ['a negative generation', { generationId: -1 }, 'ILLEGAL_GENERATION'],
    ['a later generation', { generationId: 2 ** 31 - 1 }, 'ILLEGAL_GENERATION'],
    ['an instance that is not there', { groupInstanceId: 'other' }, 'UNKNOWN_MEMBER_ID'],
    [
      'the instance with a foreign id',
      { groupId: 'static', groupInstanceId: 'instance' },
      'FENCED_INSTANCE_ID',
    ],
    ['a group with offsets alone', { groupId: 'offsets' }, 'UNKNOWN_MEMBER_ID'],
  ]),
  ...rows('LeaveGroup', 5, [
    ['an empty group id', { groupId: '' }, 'INVALID_GROUP_ID'],
    ['an unknown group', { groupId: 'unknown' }, 'NONE UNKNOWN_MEMBER_ID'],
    ['a group named __proto__', { groupId: '__proto__' }, 'NONE UNKNOWN_MEMBER_ID'],
    ['a group id of 64 KiB', { groupId: HUGE }, 'CLOSED'],
    ['an unknown member', {}, 'NONE UNKNOWN_MEMBER_ID'],
    ['no members', { members: [] }, 'NONE'],
    [
      'a member without a name',
      { members: [{ memberId: '', groupInstanceId: null }] },
      'NONE UNKNOWN_MEMBER_ID',
    ],
    [
      'an unknown instance',
      { members: [{ memberId: '', groupInstanceId: '__proto__' }] },
      'NONE UNKNOWN_MEMBER_ID',
    ],
    [
      'the instance with a foreign id',
      { groupId: 'static', members: [{ memberId: 'nobody', groupInstanceId: 'instance' }] },
      'NONE FENCED_INSTANCE_ID',
    ],
    [
      'an unknown member twice',
      {
        members: [
          { memberId: 'nobody', groupInstanceId: null },
          { memberId: 'nobody', groupInstanceId: null },
        ],
      },
      'NONE UNKNOWN_MEMBER_ID',
    ],
  ]),
  ...rows('OffsetCommit', 8, [
    ['an empty group id', { groupId: '' }, 'ILLEGAL_GENERATION'],
    ['an unknown group with a generation', { groupId: 'unknown' }, 'ILLEGAL_GENERATION'],
    [
      'a group named __proto__',
      { groupId: '__proto__', memberId: '', generationIdOrMemberEpoch: -1 },
      'NONE',
    ],
    [
      'a group id of 32767 characters',
      { groupId: LONGEST, memberId: '', generationIdOrMemberEpoch: -1 },
      'NONE',
    ],
    ['a group id of 64 KiB', { groupId: HUGE, memberId: '', generationIdOrMemberEpoch: -1 }, 'CLOSED'],
    ['no member', { memberId: '' }, 'UNKNOWN_MEMBER_ID'],
    ['an unknown member', { memberId: 'nobody' }, 'UNKNOWN_MEMBER_ID'],
    ['neither member nor generation', { memberId: '', generationIdOrMemberEpoch: -1 }, 'UNKNOWN_MEMBER_ID'],
    ['a negative generation', { generationIdOrMemberEpoch: -1 }, 'ILLEGAL_GENERATION'],
    ['the least generation', { generationIdOrMemberEpoch: -(2 ** 31) }, 'ILLEGAL_GENERATION'],
    ['a later generation', { generationIdOrMemberEpoch: 1_000 }, 'ILLEGAL_GENERATION'],
    ['an instance that is not there', { groupInstanceId: 'other' }, 'UNKNOWN_MEMBER_ID'],
    ['an unknown topic', { topics: offsets('no-such') }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['a topic named __proto__', { topics: offsets('__proto__') }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['a topic without a name', { topics: offsets('') }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['an unknown partition', { topics: offsets(TOPIC, 2) }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['a negative partition', { topics: offsets(TOPIC, -1) }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [
      'metadata of 4097 characters',
      { topics: offsets(TOPIC, 0, 'm'.repeat(4_097)) },
      'OFFSET_METADATA_TOO_LARGE',
    ],
    ['no metadata', { topics: offsets(TOPIC, 0, null) }, 'NONE'],
    ['no topics', { topics: [] }, ''],
    ['a topic without partitions', { topics: [{ name: TOPIC, partitions: [] }] }, ''],
    ['the same partition twice', { topics: [...offsets(), ...offsets()] }, 'NONE'],
    [
      'a negative offset',
      {
        topics: [
          { name: TOPIC, partitions: [{ partitionIndex: 0, committedOffset: -2n, committedMetadata: '' }] },
        ],
      },
      'NONE',
    ],
  ]),
  ...rows('OffsetFetch', 8, [
    ['an empty group id', { groups: [{ groupId: '', topics: null }] }, 'NONE'],
    ['an unknown group', { groups: [{ groupId: 'unknown', topics: null }] }, 'NONE'],
    ['a group named __proto__', { groups: [{ groupId: 'constructor', topics: null }] }, 'NONE'],
    ['a group id of 64 KiB', { groups: [{ groupId: HUGE, topics: null }] }, 'CLOSED'],
    [
      'an unknown topic',
      { groups: [{ groupId: 'stable', topics: [{ name: '__proto__', partitionIndexes: [0] }] }] },
      'NONE',
    ],
    [
      'a negative partition',
      { groups: [{ groupId: 'stable', topics: [{ name: TOPIC, partitionIndexes: [-1, 99] }] }] },
      'NONE',
    ],
    ['no topics', { groups: [{ groupId: 'stable', topics: [] }] }, 'NONE'],
  ]),
  ...rows('OffsetDelete', 0, [
    ['an empty group id', { groupId: '' }, 'INVALID_GROUP_ID'],
    ['an unknown group', { groupId: 'unknown' }, 'GROUP_ID_NOT_FOUND'],
    ['a group named toString', { groupId: 'toString' }, 'GROUP_ID_NOT_FOUND'],
    ['a group id of 32767 characters', { groupId: `${LONGEST.slice(1)}x` }, 'GROUP_ID_NOT_FOUND'],
    [
      'an unknown topic',
      { topics: [{ name: '__proto__', partitions: [{ partitionIndex: 0 }] }] },
      'NONE UNKNOWN_TOPIC_OR_PARTITION',
    ],
    [
      'a negative partition',
      { topics: [{ name: TOPIC, partitions: [{ partitionIndex: -1 }] }] },
      'NONE UNKNOWN_TOPIC_OR_PARTITION',
    ],
    ['a partition without an offset', {}, 'NONE'],
    ['no topics', { topics: [] }, 'NONE'],
    ['a group with members', { groupId: 'stable' }, 'NONE'],
  ]),
  ...rows('DeleteGroups', 2, [
    ['an empty group id', { groupsNames: [''] }, 'GROUP_ID_NOT_FOUND'],
    ['an unknown group', {}, 'GROUP_ID_NOT_FOUND'],
    ['a group named __proto__', { groupsNames: ['valueOf'] }, 'GROUP_ID_NOT_FOUND'],
    ['a group id of 64 KiB', { groupsNames: [HUGE] }, 'CLOSED'],
    ['a group with members', { groupsNames: ['stable'] }, 'NON_EMPTY_GROUP'],
    ['no groups', { groupsNames: [] }, ''],
    ['a group twice', { groupsNames: ['unknown', 'unknown'] }, 'GROUP_ID_NOT_FOUND'],
  ]),
  ...rows('DescribeGroups', 5, [
    ['an empty group id', { groups: [''] }, 'NONE Dead'],
    ['an unknown group', { groups: ['unknown'] }, 'NONE Dead'],
    ['a group named hasOwnProperty', { groups: ['hasOwnProperty'] }, 'NONE Dead'],
    ['a group id of 64 KiB', { groups: [HUGE] }, 'CLOSED'],
    ['no groups', { groups: [] }, ''],
    ['a group twice', { groups: ['stable', 'stable'] }, 'NONE Stable'],
  ]),
  ...rows('ListGroups', 4, [
    ['an unknown state', {}, 'NONE'],
    ['a state named __proto__', { statesFilter: ['__proto__'] }, 'NONE'],
    ['an empty state', { statesFilter: [''] }, 'NONE'],
    ['a state of 64 KiB', { statesFilter: [HUGE] }, 'CLOSED'],
  ]),
  ...rows('FindCoordinator', 4, [
    ['an empty group id', { coordinatorKeys: [''] }, 'NONE'],
    ['a group named __proto__', { coordinatorKeys: ['__proto__'] }, 'NONE'],
    ['a group id of 64 KiB', { coordinatorKeys: [HUGE] }, 'CLOSED'],
    ['no keys', { coordinatorKeys: [] }, 'NONE'],
    ['a key twice', { coordinatorKeys: ['stable', 'stable'] }, 'NONE'],
    ['an unknown type', { keyType: 9 }, 'NONE INVALID_REQUEST'],
    ['a negative type', { keyType: -1 }, 'NONE INVALID_REQUEST'],
    ['an empty transactional id', { keyType: 1, coordinatorKeys: [''] }, 'NONE'],
  ]),
  ...rows('InitProducerId', 4, [
    ['an empty transactional id', { transactionalId: '' }, 'INVALID_REQUEST'],
    ['a transactional id named __proto__', { transactionalId: '__proto__' }, 'NONE'],
    ['a transactional id of 32767 characters', { transactionalId: LONGEST }, 'NONE'],
    ['a transactional id of 64 KiB', { transactionalId: HUGE }, 'CLOSED'],
    ['a negative timeout', { transactionTimeoutMs: -1 }, 'INVALID_TRANSACTION_TIMEOUT'],
    ['a timeout of 0', { transactionTimeoutMs: 0 }, 'INVALID_TRANSACTION_TIMEOUT'],
    ['too long a timeout', { transactionTimeoutMs: 900_001 }, 'INVALID_TRANSACTION_TIMEOUT'],
    ['a producer id without an epoch', { producerId: 5, producerEpoch: -1 }, 'INVALID_REQUEST'],
    ['an epoch without a producer id', { producerId: -1, producerEpoch: 5 }, 'INVALID_REQUEST'],
    [
      'a foreign producer id',
      { transactionalId: 'open', producerId: 999_999, producerEpoch: 0 },
      'PRODUCER_FENCED',
    ],
    [
      'a producer id without a transactional id',
      { transactionalId: null, producerId: 7, producerEpoch: 0 },
      'NONE',
    ],
  ]),
  ...rows('AddPartitionsToTxn', 3, [
    ['an empty transactional id', { v3AndBelowTransactionalId: '' }, 'NONE INVALID_REQUEST'],
    [
      'an unknown transactional id',
      { v3AndBelowTransactionalId: 'unknown' },
      'NONE INVALID_PRODUCER_ID_MAPPING',
    ],
    [
      'a transactional id named constructor',
      { v3AndBelowTransactionalId: 'constructor' },
      'NONE INVALID_PRODUCER_ID_MAPPING',
    ],
    ['a transactional id of 64 KiB', { v3AndBelowTransactionalId: HUGE }, 'CLOSED'],
    ['a foreign producer id', { v3AndBelowProducerId: 999_999 }, 'NONE INVALID_PRODUCER_ID_MAPPING'],
    ['a negative producer id', { v3AndBelowProducerId: -1 }, 'NONE INVALID_PRODUCER_ID_MAPPING'],
    ['the largest producer id', { v3AndBelowProducerId: LONG_MAX }, 'NONE INVALID_PRODUCER_ID_MAPPING'],
    ['a later epoch', { v3AndBelowProducerEpoch: 30_000 }, 'NONE PRODUCER_FENCED'],
    ['a negative epoch', { v3AndBelowProducerEpoch: -1 }, 'NONE PRODUCER_FENCED'],
    [
      'an unknown topic',
      { v3AndBelowTopics: [{ name: '__proto__', partitions: [0] }] },
      'NONE UNKNOWN_TOPIC_OR_PARTITION',
    ],
    [
      'an unknown partition',
      { v3AndBelowTopics: [{ name: TOPIC, partitions: [0, 2, -1] }] },
      'NONE OPERATION_NOT_ATTEMPTED UNKNOWN_TOPIC_OR_PARTITION',
    ],
    ['no topics', { v3AndBelowTopics: [] }, 'NONE'],
    ['a topic without partitions', { v3AndBelowTopics: [{ name: TOPIC, partitions: [] }] }, 'NONE'],
  ]),
  ...rows('AddOffsetsToTxn', 3, [
    ['an empty transactional id', { transactionalId: '' }, 'INVALID_REQUEST'],
    ['an unknown transactional id', { transactionalId: 'unknown' }, 'INVALID_PRODUCER_ID_MAPPING'],
    ['a transactional id of 64 KiB', { transactionalId: HUGE }, 'CLOSED'],
    ['a foreign producer id', { producerId: 999_999 }, 'INVALID_PRODUCER_ID_MAPPING'],
    ['a negative producer id', { producerId: -1 }, 'INVALID_PRODUCER_ID_MAPPING'],
    ['a later epoch', { producerEpoch: 30_000 }, 'PRODUCER_FENCED'],
    ['a negative epoch', { producerEpoch: -1 }, 'PRODUCER_FENCED'],
    ['an empty group id', { groupId: '' }, 'NONE'],
    ['a group id of 64 KiB', { groupId: HUGE }, 'CLOSED'],
    ['a group named __proto__', { groupId: '__proto__' }, 'NONE'],
  ]),
  ...rows('TxnOffsetCommit', 3, [
    ['an empty transactional id', { transactionalId: '' }, 'INVALID_REQUEST'],
    ['an unknown transactional id', { transactionalId: 'unknown' }, 'INVALID_PRODUCER_ID_MAPPING'],
    ['a group that is not in the transaction', { groupId: 'other-partition' }, 'INVALID_TXN_STATE'],
    ['a group named __proto__', { groupId: '__proto__' }, 'NONE'],
    ['an empty group id', { groupId: '' }, 'INVALID_GROUP_ID'],
    ['a group id of 64 KiB', { groupId: HUGE }, 'CLOSED'],
    ['a foreign producer id', { producerId: 999_999 }, 'INVALID_PRODUCER_ID_MAPPING'],
    ['a negative producer id', { producerId: -1 }, 'INVALID_PRODUCER_ID_MAPPING'],
    ['a later epoch', { producerEpoch: 30_000 }, 'INVALID_PRODUCER_EPOCH'],
    ['an unknown topic', { topics: offsets('__proto__') }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['an unknown partition', { topics: offsets(TOPIC, -1) }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['no topics', { topics: [] }, ''],
  ]),
  ...rows('EndTxn', 3, [
    ['an empty transactional id', { transactionalId: '' }, 'INVALID_REQUEST'],
    ['an unknown transactional id', { transactionalId: 'unknown' }, 'INVALID_PRODUCER_ID_MAPPING'],
    ['a transactional id named __proto__', { transactionalId: 'toString' }, 'INVALID_PRODUCER_ID_MAPPING'],
    ['a transactional id of 64 KiB', { transactionalId: HUGE }, 'CLOSED'],
    ['a foreign producer id', { producerId: 999_999 }, 'INVALID_PRODUCER_ID_MAPPING'],
    ['a negative producer id', { producerId: -1 }, 'INVALID_PRODUCER_ID_MAPPING'],
    ['a later epoch', { producerEpoch: 30_000 }, 'PRODUCER_FENCED'],
    ['a negative epoch', { producerEpoch: -1 }, 'PRODUCER_FENCED'],
  ]),
  ...rows('WriteTxnMarkers', 1, [
    ['no markers', { markers: [] }, ''],
    ['an unknown producer', {}, 'NONE'],
    [
      'an unknown topic',
      { markers: [marker({ topics: [{ name: '__proto__', partitionIndexes: [0] }] })] },
      'UNKNOWN_TOPIC_OR_PARTITION',
    ],
    [
      'an unknown partition',
      { markers: [marker({ topics: [{ name: TOPIC, partitionIndexes: [-1, 9] }] })] },
      'UNKNOWN_TOPIC_OR_PARTITION',
    ],
    ['no topics', { markers: [marker({ topics: [] })] }, ''],
  ]),
  ...rows('DescribeTransactions', 0, [
    ['an empty transactional id', { transactionalIds: [''] }, 'INVALID_REQUEST'],
    ['an unknown transactional id', { transactionalIds: ['unknown'] }, 'TRANSACTIONAL_ID_NOT_FOUND'],
    ['a transactional id named valueOf', { transactionalIds: ['valueOf'] }, 'TRANSACTIONAL_ID_NOT_FOUND'],
    ['a transactional id of 64 KiB', { transactionalIds: [HUGE] }, 'CLOSED'],
    ['no transactional ids', { transactionalIds: [] }, ''],
    ['a transactional id twice', { transactionalIds: ['open', 'open'] }, 'NONE Ongoing'],
  ]),
  ...rows('ListTransactions', 0, [
    ['an unknown state', { stateFilters: ['NoSuch', '__proto__', ''] }, 'NONE NoSuch __proto__ '],
    ['foreign producers', { producerIdFilters: [-1, LONG_MAX] }, 'NONE'],
  ]),
  ...rows('DescribeProducers', 0, [
    [
      'an unknown topic',
      { topics: [{ name: '__proto__', partitionIndexes: [0] }] },
      'UNKNOWN_TOPIC_OR_PARTITION',
    ],
    ['a topic without a name', { topics: [{ name: '', partitionIndexes: [0] }] }, 'INVALID_TOPIC_EXCEPTION'],
    [
      'an unknown partition',
      { topics: [{ name: TOPIC, partitionIndexes: [2, -1] }] },
      'UNKNOWN_TOPIC_OR_PARTITION',
    ],
    ['no topics', { topics: [] }, ''],
  ]),
];
