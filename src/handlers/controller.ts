/**
 * The one list of what controllers serve, in the order of the keys: what brokers and administrators ask the active
 * controller, and what voters ask each other. See ApiKeys.controllerApis.
 */
import { AllocateProducerIds } from '../../protocol/messages/allocate-producer-ids.ts';
import { AlterConfigs } from '../../protocol/messages/alter-configs.ts';
import { AlterPartition } from '../../protocol/messages/alter-partition.ts';
import { AssignReplicasToDirs } from '../../protocol/messages/assign-replicas-to-dirs.ts';
import { BeginQuorumEpoch } from '../../protocol/messages/begin-quorum-epoch.ts';
import { BrokerHeartbeat } from '../../protocol/messages/broker-heartbeat.ts';
import { BrokerRegistration } from '../../protocol/messages/broker-registration.ts';
import { ControllerRegistration } from '../../protocol/messages/controller-registration.ts';
import { EndQuorumEpoch } from '../../protocol/messages/end-quorum-epoch.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import { FetchSnapshot } from '../../protocol/messages/fetch-snapshot.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts';
import { Vote } from '../../protocol/messages/vote.ts';
import * as quorum from '../machine/raft-api.ts';
import type { Handler, HandlerTable } from '../server/handler.ts';
import { handler, register } from '../server/handler.ts';
import { createAcls, deleteAcls, describeAcls } from './acls.ts';
import { alterPartitionReassignments } from './alter-partition-reassignments.ts';
import { apiVersions } from './api-versions.ts';
import { refuseConfigChanges } from './config-changes.ts';
import { createPartitions } from './create-partitions.ts';
import { createTopics } from './create-topics.ts';
import { deleteTopics } from './delete-topics.ts';
import { describeQuorum } from './describe-quorum.ts';
import { electLeaders } from './elect-leaders.ts';
import { forwarded } from './forwarded.ts';
import { listPartitionReassignments } from './list-partition-reassignments.ts';
import type { Services } from './services.ts';
import { unregisterBroker } from './unregister-broker.ts';
import { updateFeatures } from './update-features.ts';

/** What voters and observers of the metadata quorum ask. */
function quorumHandlers(
  services: Services,
): Record<'fetch' | 'vote' | 'begin' | 'end' | 'snapshot', Handler> {
  const scope = 'controller';
  return {
    fetch: handler(Fetch, {
      scope,
      run: (request, call) =>
        quorum.fetch(services.quorum(), request, (cancel) => call.connection.onClosed(cancel)),
      refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, responses: [] }),
    }),
    vote: handler(Vote, {
      scope,
      run: (request) => quorum.vote(services.quorum(), request),
      refuse: (_request, errorCode) => ({ errorCode, topics: [] }),
    }),
    begin: handler(BeginQuorumEpoch, {
      scope,
      run: (request) => quorum.beginQuorumEpoch(services.quorum(), request),
      refuse: (_request, errorCode) => ({ errorCode, topics: [] }),
    }),
    end: handler(EndQuorumEpoch, {
      scope,
      run: (request) => quorum.endQuorumEpoch(services.quorum(), request),
      refuse: (_request, errorCode) => ({ errorCode, topics: [] }),
    }),
    snapshot: handler(FetchSnapshot, {
      scope,
      run: (request) => quorum.fetchSnapshot(services.quorum(), request),
      refuse: (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, topics: [] }),
    }),
  };
}

export function controllerHandlers(services: Services): HandlerTable {
  const voters = quorumHandlers(services);
  const table = register([
    voters.fetch,
    apiVersions(
      () => table,
      () => ({ epoch: services.image().offset, metadataVersion: services.image().metadataVersion }),
    ),
    createTopics(services),
    deleteTopics(services),
    describeAcls(),
    createAcls(),
    deleteAcls(),
    forwarded(AlterConfigs, refuseConfigChanges)(services),
    createPartitions(services),
    electLeaders(services),
    forwarded(IncrementalAlterConfigs, refuseConfigChanges)(services),
    alterPartitionReassignments(services),
    listPartitionReassignments(services),
    voters.vote,
    voters.begin,
    voters.end,
    describeQuorum(services),
    forwarded(AlterPartition, (_request, errorCode) => ({ throttleTimeMs: 0, errorCode, topics: [] }))(
      services,
    ),
    updateFeatures(services),
    voters.snapshot,
    forwarded(BrokerRegistration, (_request, errorCode) => ({ throttleTimeMs: 0, errorCode }))(services),
    forwarded(BrokerHeartbeat, (_request, errorCode) => ({
      throttleTimeMs: 0,
      errorCode,
      shouldShutDown: false,
    }))(services),
    unregisterBroker(services),
    forwarded(AllocateProducerIds, (_request, errorCode) => ({
      throttleTimeMs: 0,
      errorCode,
      producerIdStart: 0,
      producerIdLen: 0,
    }))(services),
    forwarded(ControllerRegistration, (_request, errorCode, errorMessage) => ({
      throttleTimeMs: 0,
      errorCode,
      errorMessage,
    }))(services),
    forwarded(AssignReplicasToDirs, (_request, errorCode) => ({
      throttleTimeMs: 0,
      errorCode,
      directories: [],
    }))(services),
  ]);
  return table;
}
