/**
 * The one list of what brokers serve, in the order of the keys. ApiVersions answers from it, so what is listed is what
 * is served.
 */
import type { HandlerTable } from '../server/handler.ts';
import { register } from '../server/handler.ts';
import { createAcls, deleteAcls, describeAcls } from './acls.ts';
import { addOffsetsToTxn } from './add-offsets-to-txn.ts';
import { addPartitionsToTxn } from './add-partitions-to-txn.ts';
import { alterConfigs } from './alter-configs.ts';
import { alterPartitionReassignments } from './alter-partition-reassignments.ts';
import { alterReplicaLogDirs } from './alter-replica-log-dirs.ts';
import type { FinalizedFeatures } from './api-versions.ts';
import { apiVersions } from './api-versions.ts';
import { consumerGroupDescribe } from './consumer-group-describe.ts';
import { consumerGroupHeartbeat } from './consumer-group-heartbeat.ts';
import { createPartitions } from './create-partitions.ts';
import { createTopics } from './create-topics.ts';
import { deleteGroups } from './delete-groups.ts';
import { deleteRecords } from './delete-records.ts';
import { deleteTopics } from './delete-topics.ts';
import { describeCluster } from './describe-cluster.ts';
import { describeConfigs } from './describe-configs.ts';
import { describeGroups } from './describe-groups.ts';
import { describeLogDirs } from './describe-log-dirs.ts';
import { describeProducers } from './describe-producers.ts';
import { describeQuorum } from './describe-quorum.ts';
import { describeTransactions } from './describe-transactions.ts';
import { electLeaders } from './elect-leaders.ts';
import { endTxn } from './end-txn.ts';
import { fetch } from './fetch.ts';
import { findCoordinator } from './find-coordinator.ts';
import { heartbeat } from './heartbeat.ts';
import { incrementalAlterConfigs } from './incremental-alter-configs.ts';
import { initProducerId } from './init-producer-id.ts';
import { joinGroup } from './join-group.ts';
import { leaveGroup } from './leave-group.ts';
import { listGroups } from './list-groups.ts';
import { listOffsets } from './list-offsets.ts';
import { listPartitionReassignments } from './list-partition-reassignments.ts';
import { listTransactions } from './list-transactions.ts';
import { metadata } from './metadata.ts';
import { offsetCommit } from './offset-commit.ts';
import { offsetDelete } from './offset-delete.ts';
import { offsetFetch } from './offset-fetch.ts';
import { offsetForLeaderEpoch } from './offset-for-leader-epoch.ts';
import { produce } from './produce.ts';
import type { Services } from './services.ts';
import { syncGroup } from './sync-group.ts';
import { txnOffsetCommit } from './txn-offset-commit.ts';
import { unregisterBroker } from './unregister-broker.ts';
import { updateFeatures } from './update-features.ts';
import { writeTxnMarkers } from './write-txn-markers.ts';

export function brokerHandlers(services: Services): HandlerTable {
  const finalized = (): FinalizedFeatures => {
    const { offset, metadataVersion } = services.image();
    return { epoch: offset, metadataVersion };
  };
  const table = register([
    produce(services),
    fetch(services),
    listOffsets(services),
    metadata(services),
    offsetCommit(services),
    offsetFetch(services),
    findCoordinator(services),
    joinGroup(services),
    heartbeat(services),
    leaveGroup(services),
    syncGroup(services),
    describeGroups(services),
    listGroups(services),
    apiVersions(() => table, finalized),
    createTopics(services),
    deleteTopics(services),
    deleteRecords(services),
    initProducerId(services),
    offsetForLeaderEpoch(services),
    addPartitionsToTxn(services),
    addOffsetsToTxn(services),
    endTxn(services),
    writeTxnMarkers(services),
    txnOffsetCommit(services),
    describeAcls(),
    createAcls(),
    deleteAcls(),
    describeConfigs(services),
    alterConfigs(services),
    alterReplicaLogDirs(services),
    describeLogDirs(services),
    createPartitions(services),
    deleteGroups(services),
    electLeaders(services),
    incrementalAlterConfigs(services),
    alterPartitionReassignments(services),
    listPartitionReassignments(services),
    offsetDelete(services),
    describeQuorum(services),
    updateFeatures(services),
    describeCluster(services),
    describeProducers(services),
    unregisterBroker(services),
    describeTransactions(services),
    listTransactions(services),
    consumerGroupHeartbeat(services),
    ...consumerGroupDescribe(services),
  ]);
  return table;
}
