/**
 * What goes into the group machine and what comes out of it.
 *
 * Every input (a command, a tick, the fate of a write) returns one `Outcome`. What is always true:
 * - each token given with a command is answered exactly once, now or by a later outcome;
 * - an answer that depends on records is given only by the outcome of the input that reports their fate, so
 *   whoever drives the machine withholds nothing;
 * - writes are to be appended in the order in which they came out.
 */
import type { ConsumerGroupDescribe } from '../../protocol/messages/consumer-group-describe.ts';
import type { ConsumerGroupHeartbeat } from '../../protocol/messages/consumer-group-heartbeat.ts';
import type { DeleteGroups } from '../../protocol/messages/delete-groups.ts';
import type { DescribeGroups } from '../../protocol/messages/describe-groups.ts';
import type { Heartbeat } from '../../protocol/messages/heartbeat.ts';
import type { JoinGroup } from '../../protocol/messages/join-group.ts';
import type { LeaveGroup } from '../../protocol/messages/leave-group.ts';
import type { ListGroups } from '../../protocol/messages/list-groups.ts';
import type { OffsetCommit } from '../../protocol/messages/offset-commit.ts';
import type { OffsetDelete } from '../../protocol/messages/offset-delete.ts';
import type { OffsetFetch } from '../../protocol/messages/offset-fetch.ts';
import type { SyncGroup } from '../../protocol/messages/sync-group.ts';
import type { TxnOffsetCommit } from '../../protocol/messages/txn-offset-commit.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { Note } from './notes.ts';
import type { TopicsView } from './topics.ts';

/** One moment on both clocks: sessions and timeouts go by the first, records and retention by the second. */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** Who asks. The host is written as Kafka writes it, with a leading slash. */
export interface Client {
  readonly clientId: string;
  readonly clientHost: string;
}

export interface PartitionsOfTopic {
  readonly name: string;
  readonly partitionIndexes: readonly number[];
}

/** A request to one shard. Those that name several groups are taken apart before: one command per group. */
export type Command =
  | {
      readonly type: 'joinGroup';
      readonly version: number;
      readonly request: RequestOf<typeof JoinGroup>;
      readonly client: Client;
      /** A fresh random UUID, the end of the member id should one be made. */
      readonly memberIdSuffix: string;
    }
  | { readonly type: 'syncGroup'; readonly request: RequestOf<typeof SyncGroup> }
  | { readonly type: 'heartbeat'; readonly request: RequestOf<typeof Heartbeat> }
  | { readonly type: 'leaveGroup'; readonly version: number; readonly request: RequestOf<typeof LeaveGroup> }
  | {
      readonly type: 'consumerGroupHeartbeat';
      readonly version: number;
      readonly request: RequestOf<typeof ConsumerGroupHeartbeat>;
      readonly client: Client;
      /** A fresh random UUID, the id of the member should it have none. */
      readonly newMemberId: string;
      /** The topics as the newest metadata image has them. */
      readonly topics: TopicsView;
    }
  | { readonly type: 'consumerGroupDescribe'; readonly groupId: string; readonly topics: TopicsView }
  | {
      readonly type: 'commitOffsets';
      /** Of the request; without it the newest before KIP-848. */
      readonly version?: number;
      readonly request: RequestOf<typeof OffsetCommit>;
    }
  | { readonly type: 'commitTransactionalOffsets'; readonly request: RequestOf<typeof TxnOffsetCommit> }
  | {
      readonly type: 'fetchOffsets';
      readonly groupId: string;
      /** Null asks for all that the group has. */
      readonly topics: readonly PartitionsOfTopic[] | null;
      readonly requireStable: boolean;
      /** OffsetFetch 9: who asks, null and -1 when they do not say. */
      readonly memberId?: string | null;
      readonly memberEpoch?: number;
    }
  | { readonly type: 'deleteOffsets'; readonly request: RequestOf<typeof OffsetDelete> }
  | { readonly type: 'deleteGroup'; readonly groupId: string }
  | { readonly type: 'describeGroup'; readonly groupId: string }
  | { readonly type: 'listGroups'; readonly statesFilter: readonly string[] }
  /** Partitions of a deleted topic: their offsets go, whoever committed them. */
  | { readonly type: 'deletePartitions'; readonly topics: readonly PartitionsOfTopic[] };

export type FetchedGroup = ResponseInput<typeof OffsetFetch>['groups'][number];
export type DescribedGroup = ResponseInput<typeof DescribeGroups>['groups'][number];
export type DescribedConsumerGroup = ResponseInput<typeof ConsumerGroupDescribe>['groups'][number];
export type DeletedGroup = ResponseInput<typeof DeleteGroups>['results'][number];

/** What each type of command is answered with. */
export interface Responses {
  readonly joinGroup: ResponseInput<typeof JoinGroup>;
  readonly syncGroup: ResponseInput<typeof SyncGroup>;
  readonly heartbeat: ResponseInput<typeof Heartbeat>;
  readonly leaveGroup: ResponseInput<typeof LeaveGroup>;
  readonly consumerGroupHeartbeat: ResponseInput<typeof ConsumerGroupHeartbeat>;
  readonly consumerGroupDescribe: DescribedConsumerGroup;
  readonly commitOffsets: ResponseInput<typeof OffsetCommit>;
  readonly commitTransactionalOffsets: ResponseInput<typeof TxnOffsetCommit>;
  readonly fetchOffsets: FetchedGroup;
  readonly deleteOffsets: ResponseInput<typeof OffsetDelete>;
  readonly deleteGroup: DeletedGroup;
  readonly describeGroup: DescribedGroup;
  readonly listGroups: ResponseInput<typeof ListGroups>;
  readonly deletePartitions: { readonly offsetCount: number };
}

export type Response = Responses[keyof Responses];

/** A record for __consumer_offsets; a null value is a tombstone. */
export interface CoordinatorRecord {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

/** Marks the batch of a write as part of a producer's transaction. */
export interface TransactionOfWrite {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** Records to append all or none, in the order in which they came out. */
export interface Write {
  readonly id: number;
  readonly records: readonly CoordinatorRecord[];
  readonly transaction: TransactionOfWrite | null;
  readonly baseSequence: number;
  readonly timeoutMs: null;
}

export interface Answer {
  readonly token: number;
  readonly response: Response;
}

export interface Outcome {
  readonly writes: readonly Write[];
  readonly answers: readonly Answer[];
  readonly notes: readonly Note[];
}

/** Told to whoever issued a write once its fate is known. */
export interface WriteFate {
  /** NONE: the records are committed, the first of them at `baseOffset`. */
  readonly errorCode: number;
  /** -1 when the write failed. */
  readonly baseOffset: number;
}
