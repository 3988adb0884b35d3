/**
 * The requests that a controller serves: who may ask, what is refused before any command runs, and how results become
 * answers (kafka.server.ControllerApis). Forwarded requests and those of the controller listener come through here
 * alike.
 *
 * Always true: one request is one command, so it sees one image and its records are consecutive.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import { AllocateProducerIds } from '../../protocol/messages/allocate-producer-ids.ts';
import { AlterClientQuotas } from '../../protocol/messages/alter-client-quotas.ts';
import { AlterConfigs } from '../../protocol/messages/alter-configs.ts';
import { AlterPartition } from '../../protocol/messages/alter-partition.ts';
import { AlterPartitionReassignments } from '../../protocol/messages/alter-partition-reassignments.ts';
import { AlterUserScramCredentials } from '../../protocol/messages/alter-user-scram-credentials.ts';
import { AssignReplicasToDirs } from '../../protocol/messages/assign-replicas-to-dirs.ts';
import { BrokerHeartbeat } from '../../protocol/messages/broker-heartbeat.ts';
import { BrokerRegistration } from '../../protocol/messages/broker-registration.ts';
import { ControllerRegistration } from '../../protocol/messages/controller-registration.ts';
import { CreatePartitions } from '../../protocol/messages/create-partitions.ts';
import { CreateTopics } from '../../protocol/messages/create-topics.ts';
import { DeleteTopics } from '../../protocol/messages/delete-topics.ts';
import { ElectLeaders } from '../../protocol/messages/elect-leaders.ts';
import { IncrementalAlterConfigs } from '../../protocol/messages/incremental-alter-configs.ts';
import { ListPartitionReassignments } from '../../protocol/messages/list-partition-reassignments.ts';
import { UnregisterBroker } from '../../protocol/messages/unregister-broker.ts';
import { UpdateFeatures } from '../../protocol/messages/update-features.ts';
import type { Api, RequestOf, ResponseInput } from '../../protocol/schema.ts';
import { heartbeat, registerBroker, registerController, unregisterBroker } from './brokers.ts';
import type { Caller } from './caller.ts';
import { checkCluster } from './caller.ts';
import { alterClientQuotas } from './client-quotas.ts';
import type { CommandContext, CommandResult } from './command.ts';
import { answer } from './command.ts';
import { serveAlterConfigs, serveIncrementalAlterConfigs } from './config-requests.ts';
import { assignReplicasToDirs } from './directories.ts';
import { electLeaders } from './elections.ts';
import type { ControllerEnvironment } from './environment.ts';
import { updateFeatures } from './features.ts';
import { alterPartition } from './partitions.ts';
import { allocateProducerIds } from './producer-ids.ts';
import { alterPartitionReassignments, listPartitionReassignments } from './reassignments.ts';
import { alterUserScramCredentials } from './scram.ts';
import {
  refuseOverdue,
  serveCreatePartitions,
  serveCreateTopics,
  serveDeleteTopics,
} from './topic-requests.ts';

type Serve<A extends Api> = (
  environment: ControllerEnvironment,
  context: CommandContext,
  request: RequestOf<A>,
  caller: Caller,
) => CommandResult<ResponseInput<A>>;

/** One API of the controller, its types folded away so that all fit in one table. */
export interface ControllerApi {
  readonly api: Api;
  readonly serve: Serve<Api>;
}

function serves<A extends Api>(api: A, serve: Serve<A>): ControllerApi {
  // The dispatcher pairs each request with the entry of its own API, which the table's type cannot say.
  return { api, serve: serve as unknown as Serve<Api> };
}

function mapped<R, S>(result: CommandResult<R>, map: (response: R) => S): CommandResult<S> {
  return { ...result, response: map(result.response) };
}

const OK = { throttleTimeMs: 0, errorCode: ErrorCode.NONE };

export const controllerApis: readonly ControllerApi[] = [
  serves(CreateTopics, serveCreateTopics),
  serves(DeleteTopics, serveDeleteTopics),
  serves(AlterConfigs, serveAlterConfigs),
  serves(CreatePartitions, serveCreatePartitions),
  serves(ElectLeaders, (_environment, context, request, caller) => {
    checkCluster(caller, 'ALTER');
    refuseOverdue(request.timeoutMs, request.topicPartitions);
    // Nothing to do is not the same as everything: that is what null asks for.
    if (request.topicPartitions?.length === 0) return answer({ ...OK, replicaElectionResults: [] });
    const result = electLeaders(context, request);
    return mapped(result, (replicaElectionResults) => ({ ...OK, replicaElectionResults }));
  }),
  serves(IncrementalAlterConfigs, serveIncrementalAlterConfigs),
  serves(AlterPartitionReassignments, (environment, context, request, caller) => {
    checkCluster(caller, 'ALTER');
    refuseOverdue(request.timeoutMs, request.topics);
    if (request.topics.length === 0) return answer({ ...OK, errorMessage: '', responses: [] });
    return alterPartitionReassignments(environment, context, request);
  }),
  serves(ListPartitionReassignments, (_environment, context, request, caller) => {
    checkCluster(caller, 'DESCRIBE');
    return answer(listPartitionReassignments(context, request));
  }),
  serves(AlterClientQuotas, (_environment, context, request, caller) => {
    checkCluster(caller, 'ALTER_CONFIGS');
    return mapped(alterClientQuotas(context, request), (entries) => ({ throttleTimeMs: 0, entries }));
  }),
  serves(AlterUserScramCredentials, (environment, context, request, caller) => {
    checkCluster(caller, 'ALTER');
    const result = alterUserScramCredentials(environment, context, request);
    return mapped(result, (results) => ({ throttleTimeMs: 0, results }));
  }),
  serves(AlterPartition, (environment, context, request, caller) => {
    checkCluster(caller, 'CLUSTER_ACTION');
    return alterPartition(environment, context, request, caller.version);
  }),
  serves(UpdateFeatures, (environment, context, request, caller) => {
    checkCluster(caller, 'ALTER');
    const result = updateFeatures(environment, context, request);
    return mapped(result, (results) => ({ ...OK, errorMessage: '', results }));
  }),
  serves(BrokerRegistration, (environment, context, request, caller) => {
    checkCluster(caller, 'CLUSTER_ACTION');
    const result = registerBroker(environment, context, request);
    return mapped(result, (brokerEpoch) => ({ ...OK, brokerEpoch }));
  }),
  serves(BrokerHeartbeat, (environment, context, request, caller) => {
    checkCluster(caller, 'CLUSTER_ACTION');
    return mapped(heartbeat(environment, context, request), (reply) => ({ ...OK, ...reply }));
  }),
  serves(UnregisterBroker, (environment, context, request, caller) => {
    checkCluster(caller, 'ALTER');
    const result = unregisterBroker(environment, context, request.brokerId);
    return mapped(result, () => ({ ...OK, errorMessage: '' }));
  }),
  serves(AllocateProducerIds, (_environment, context, request, caller) => {
    checkCluster(caller, 'CLUSTER_ACTION');
    return mapped(allocateProducerIds(context, request), (block) => ({ ...OK, ...block }));
  }),
  serves(ControllerRegistration, (_environment, context, request, caller) => {
    checkCluster(caller, 'CLUSTER_ACTION');
    return mapped(registerController(context, request), () => ({ ...OK, errorMessage: '' }));
  }),
  serves(AssignReplicasToDirs, (environment, context, request, caller) => {
    checkCluster(caller, 'CLUSTER_ACTION');
    return assignReplicasToDirs(environment, context, request);
  }),
];
