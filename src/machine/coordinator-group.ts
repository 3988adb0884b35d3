/**
 * The group coordinator of this broker: the shards whose partitions of __consumer_offsets it leads. Who
 * serves a group, and what is answered where nobody does, is told in led-shards.ts.
 *
 * Handlers see to authorization and to topics that do not exist; this takes what they let through.
 */
import { randomUUID } from 'node:crypto';
import { ErrorCode } from '../../protocol/errors.ts';
import type { ConsumerGroupHeartbeat } from '../../protocol/messages/consumer-group-heartbeat.ts';
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
import type { GroupConfig } from '../group/config.ts';
import { GroupMachine } from '../group/machine.ts';
import { commitErrorCode } from '../group/offset-commands.ts';
import type {
  Client,
  Command,
  DeletedGroup,
  DescribedConsumerGroup,
  DescribedGroup,
  FetchedGroup,
  PartitionsOfTopic,
  Response,
  Responses,
} from '../group/outcome.ts';
import { commitErrors, refuse } from '../group/responses.ts';
import type { TopicsView } from '../group/topics.ts';
import type { BatchTransaction } from './coordinator-log.ts';
import type { ShardEnvironment } from './led-shards.ts';
import { LedShards } from './led-shards.ts';

export interface GroupCoordinatorParts extends ShardEnvironment {
  readonly config: GroupConfig;
  /** For member ids. */
  readonly randomUuid?: () => string;
  /**
   * KIP-890: whether the transaction has the partition of __consumer_offsets in it. NONE, or the error. Without it
   * transactional commits are taken unverified.
   */
  readonly verifyTransaction?: (partition: number, transaction: BatchTransaction) => Promise<number>;
}

export class GroupCoordinator {
  readonly #parts: GroupCoordinatorParts;
  readonly #randomUuid: () => string;
  readonly #shards: LedShards<Command, Response>;

  constructor(parts: GroupCoordinatorParts) {
    this.#parts = parts;
    this.#randomUuid = parts.randomUuid ?? randomUUID;
    this.#shards = new LedShards(parts, { createMachine: () => new GroupMachine(parts.config), refuse });
  }

  // Leadership -------------------------------------------------------------------------------------------------

  partitionFor(groupId: string): number {
    return this.#shards.partitionFor(groupId);
  }

  /** This broker leads the partition: loads its groups. Resolves when they are served, or no longer ours. */
  onElection(partition: number, leaderEpoch: number): Promise<void> {
    return this.#shards.onElection(partition, leaderEpoch);
  }

  /** This broker no longer leads the partition (null epoch: the partition is gone). */
  onResignation(partition: number, leaderEpoch: number | null): void {
    this.#shards.onResignation(partition, leaderEpoch);
  }

  /** Whether the partition's groups are served now. */
  isServing(partition: number): boolean {
    return this.#shards.isServing(partition);
  }

  /** Ends the service; what waits is told to look for another coordinator. */
  shutdown(): void {
    this.#shards.shutdown();
  }

  // Groups -----------------------------------------------------------------------------------------------------

  joinGroup(
    request: RequestOf<typeof JoinGroup>,
    version: number,
    client: Client,
  ): Promise<ResponseInput<typeof JoinGroup>> {
    const memberIdSuffix = this.#randomUuid();
    return this.#submit(request.groupId, { type: 'joinGroup', version, request, client, memberIdSuffix });
  }

  /** From version 5 protocol type and name are mandatory (KIP-559). */
  syncGroup(request: RequestOf<typeof SyncGroup>, version: number): Promise<ResponseInput<typeof SyncGroup>> {
    const command = { type: 'syncGroup', request } as const;
    if (version >= 5 && (request.protocolType === null || request.protocolName === null)) {
      const refusal = refuse(command, ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
      return Promise.resolve(refusal as Responses['syncGroup']);
    }
    return this.#submit(request.groupId, command);
  }

  heartbeat(request: RequestOf<typeof Heartbeat>): Promise<ResponseInput<typeof Heartbeat>> {
    return this.#submit(request.groupId, { type: 'heartbeat', request });
  }

  leaveGroup(
    request: RequestOf<typeof LeaveGroup>,
    version: number,
  ): Promise<ResponseInput<typeof LeaveGroup>> {
    return this.#submit(request.groupId, { type: 'leaveGroup', version, request });
  }

  /** `topics` are those of the newest metadata image. */
  consumerGroupHeartbeat(
    request: RequestOf<typeof ConsumerGroupHeartbeat>,
    version: number,
    client: Client,
    topics: TopicsView,
  ): Promise<ResponseInput<typeof ConsumerGroupHeartbeat>> {
    const newMemberId = this.#randomUuid();
    return this.#submit(request.groupId, {
      type: 'consumerGroupHeartbeat',
      version,
      request,
      client,
      newMemberId,
      topics,
    });
  }

  describeConsumerGroups(groupIds: readonly string[], topics: TopicsView): Promise<DescribedConsumerGroup[]> {
    return Promise.all(
      groupIds.map((groupId) => this.#submit(groupId, { type: 'consumerGroupDescribe', groupId, topics })),
    );
  }

  /** All groups of the shards here; COORDINATOR_LOAD_IN_PROGRESS beside them when a shard is not read yet. */
  async listGroups(request: RequestOf<typeof ListGroups>): Promise<ResponseInput<typeof ListGroups>> {
    if (!this.#shards.isActive)
      return { throttleTimeMs: 0, errorCode: ErrorCode.COORDINATOR_NOT_AVAILABLE, groups: [] };
    const lists = await this.#submitToAll({ type: 'listGroups', statesFilter: request.statesFilter });
    return {
      throttleTimeMs: 0,
      errorCode: lists.find((list) => list.errorCode !== ErrorCode.NONE)?.errorCode ?? ErrorCode.NONE,
      groups: lists.flatMap((list) => list.groups),
    };
  }

  describeGroups(groupIds: readonly string[]): Promise<DescribedGroup[]> {
    return Promise.all(groupIds.map((groupId) => this.#submit(groupId, { type: 'describeGroup', groupId })));
  }

  /** A group named twice is answered once. */
  deleteGroups(groupIds: readonly string[]): Promise<DeletedGroup[]> {
    const distinct = [...new Set(groupIds)];
    return Promise.all(distinct.map((groupId) => this.#submit(groupId, { type: 'deleteGroup', groupId })));
  }

  // Offsets ----------------------------------------------------------------------------------------------------

  commitOffsets(
    request: RequestOf<typeof OffsetCommit>,
    version = 0,
  ): Promise<ResponseInput<typeof OffsetCommit>> {
    return this.#submit(request.groupId, { type: 'commitOffsets', version, request });
  }

  async commitTransactionalOffsets(
    request: RequestOf<typeof TxnOffsetCommit>,
    version: number,
  ): Promise<ResponseInput<typeof TxnOffsetCommit>> {
    const response = await this.#commitTransactionalOffsets(request);
    // Producers before version 2 give up on COORDINATOR_LOAD_IN_PROGRESS (KAFKA-7296).
    const isLoading = response.topics.some(({ partitions }) =>
      partitions.some(({ errorCode }) => errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS),
    );
    if (version >= 2 || !isLoading) return response;
    return commitErrors(request.topics, ErrorCode.COORDINATOR_NOT_AVAILABLE);
  }

  async #commitTransactionalOffsets(
    request: RequestOf<typeof TxnOffsetCommit>,
  ): Promise<Responses['commitTransactionalOffsets']> {
    const { groupId, transactionalId, producerId, producerEpoch } = request;
    const partition = this.partitionFor(groupId);
    const { verifyTransaction } = this.#parts;
    if (verifyTransaction !== undefined && groupId !== '' && this.isServing(partition)) {
      const errorCode = await verifyTransaction(partition, { transactionalId, producerId, producerEpoch });
      if (errorCode !== ErrorCode.NONE) return commitErrors(request.topics, commitErrorCode(errorCode));
    }
    return this.#submit(groupId, { type: 'commitTransactionalOffsets', request });
  }

  /** Offsets of one group; null topics ask for all. */
  fetchOffsets(
    groupId: string,
    topics: readonly PartitionsOfTopic[] | null,
    requireStable: boolean,
    by: { readonly memberId: string | null; readonly memberEpoch: number } | null = null,
  ): Promise<FetchedGroup> {
    return this.#submit(groupId, { type: 'fetchOffsets', groupId, topics, requireStable, ...by });
  }

  deleteOffsets(request: RequestOf<typeof OffsetDelete>): Promise<ResponseInput<typeof OffsetDelete>> {
    return this.#submit(request.groupId, { type: 'deleteOffsets', request });
  }

  /** Topics were deleted: their offsets go, in every group served here. Resolves to their number. */
  async onPartitionsDeleted(topics: readonly PartitionsOfTopic[]): Promise<number> {
    const counts = await this.#submitToAll({ type: 'deletePartitions', topics });
    return counts.reduce((sum, { offsetCount }) => sum + offsetCount, 0);
  }

  /** The marker of a transaction, at `offset` of a partition of __consumer_offsets, is committed. */
  onTransactionMarker(partition: number, producerId: number, isCommit: boolean, offset: number): void {
    this.#shards.get(partition)?.driver.transactionEnded(producerId, isCommit, offset);
  }

  // Routing ----------------------------------------------------------------------------------------------------

  #submit<C extends Command>(groupId: string, command: C): Promise<Responses[C['type']]> {
    return this.#shards.submit(groupId, command) as Promise<Responses[C['type']]>;
  }

  #submitToAll<C extends Command>(command: C): Promise<Responses[C['type']][]> {
    return this.#shards.submitToAll(command) as Promise<Responses[C['type']][]>;
  }
}

/** Shapes fetched groups as an OffsetFetch response of the version has them. */
export function offsetFetchResponse(
  version: number,
  groups: readonly FetchedGroup[],
): ResponseInput<typeof OffsetFetch> {
  // Versions 0 and 1 have no code but that of the partitions; later ones name it once, without partitions.
  const shaped = groups.map((group) =>
    group.errorCode === ErrorCode.NONE || version < 2 ? group : { ...group, topics: [] },
  );
  if (version >= 8) return { throttleTimeMs: 0, groups: shaped };
  const [only] = shaped;
  return {
    throttleTimeMs: 0,
    errorCode: only?.errorCode ?? ErrorCode.NONE,
    topics: only?.topics ?? [],
    groups: [],
  };
}
