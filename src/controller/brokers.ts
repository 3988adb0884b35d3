/**
 * Brokers coming, living and going: registration, heartbeats, fencing, controlled shutdown (ClusterControlManager,
 * BrokerHeartbeatManager and their part of ReplicationControlManager).
 *
 * Always true: a broker's epoch is the offset of the record that registered its incarnation; whoever is fenced or on
 * its way out leads nothing and leaves every ISR in which it is not the last.
 */
import { unreachable } from '../../protocol/assert.ts';
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { BrokerHeartbeat } from '../../protocol/messages/broker-heartbeat.ts';
import type { BrokerRegistration } from '../../protocol/messages/broker-registration.ts';
import type { ControllerRegistration } from '../../protocol/messages/controller-registration.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import { isReservedDirectory } from '../metadata/directory-ids.ts';
import type { BrokerImage, MetadataImage } from '../metadata/image.ts';
import { METADATA_VERSION_FEATURE, MetadataVersion } from '../metadata/metadata-version.ts';
import { NO_LEADER } from '../metadata/partition-image.ts';
import type { CommandContext, CommandResult } from './command.ts';
import { answer, atomically } from './command.ts';
import type { ControllerEnvironment } from './environment.ts';
import {
  changesWhenJoining,
  changesWhenLeaving,
  leaderAndIsrChanges,
  leadsAnyPartition,
  partitionsWhere,
} from './partitions.ts';
import { checkBrokerEpoch } from './sessions.ts';

type RegistrationRequest = RequestOf<typeof BrokerRegistration>;
type HeartbeatRequest = RequestOf<typeof BrokerHeartbeat>;
type FeatureRequest = RegistrationRequest['features'][number];

/** Values of `fenced` and `inControlledShutdown` in a BrokerRegistrationChangeRecord. */
const FENCE = 1;
const UNFENCE = -1;
const NO_CHANGE = 0;
const IN_CONTROLLED_SHUTDOWN = 1;

/**
 * Answers the broker epoch.
 * @throws {KafkaError} INCONSISTENT_CLUSTER_ID, DUPLICATE_BROKER_REGISTRATION, BROKER_ID_NOT_REGISTERED,
 * INVALID_REGISTRATION, UNSUPPORTED_VERSION
 */
export function registerBroker(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: RegistrationRequest,
): CommandResult<number> {
  const { image, nowMs } = context;
  const { sessions, options } = environment;
  if (request.clusterId !== options.clusterId) {
    throw new KafkaError(
      ErrorCode.INCONSISTENT_CLUSTER_ID,
      `Expected cluster ID ${options.clusterId}, but got cluster ID ${request.clusterId}`,
    );
  }
  const existing = image.brokers.get(request.brokerId);
  const sameIncarnation = existing?.incarnationId === request.incarnationId;
  if (existing !== undefined && !sameIncarnation && sessions.hasValidSession(existing, nowMs)) {
    throw new KafkaError(
      ErrorCode.DUPLICATE_BROKER_REGISTRATION,
      'Another broker is registered with that broker id.',
    );
  }
  if (request.isMigratingZkBroker) {
    throw new KafkaError(
      ErrorCode.BROKER_ID_NOT_REGISTERED,
      'Controller does not support registering ZK brokers.',
    );
  }
  checkDirectories(image, request);
  checkFeatures(image, request.features);
  // A broker that registers twice, its first answer having been lost, stays what it was (KAFKA-16952, KAFKA-16757).
  const kept = existing !== undefined && sameIncarnation ? existing : null;
  const brokerEpoch = kept?.epoch ?? context.nextOffset;
  const records: MetadataRecord[] = [registrationRecord(request, brokerEpoch, kept)];
  if (existing !== undefined && !sameIncarnation && !existing.fenced) {
    // Its predecessor was never fenced: what that led and was in sync with ends here.
    records.push(...changesWhenLeaving(environment, image, request.brokerId));
  }
  if (!sameIncarnation) sessions.remove(request.brokerId);
  sessions.touch(request.brokerId, nowMs, -1);
  return { records, response: brokerEpoch, atomic: false };
}

function registrationRecord(
  request: RegistrationRequest,
  brokerEpoch: number,
  kept: BrokerImage | null,
): MetadataRecord {
  return {
    type: 'RegisterBrokerRecord',
    brokerId: request.brokerId,
    isMigratingZkBroker: false,
    incarnationId: request.incarnationId,
    brokerEpoch,
    endPoints: request.listeners,
    features: featuresOf(request.features),
    rack: request.rack,
    fenced: kept?.fenced ?? true,
    inControlledShutdown: kept?.inControlledShutdown ?? false,
    logDirs: request.logDirs,
  };
}

/** A broker that names no range for metadata.version knows only the first level. */
function featuresOf(features: readonly FeatureRequest[]): readonly FeatureRequest[] {
  if (features.some((feature) => feature.name === METADATA_VERSION_FEATURE)) return features;
  const { MINIMUM_KRAFT } = MetadataVersion;
  return [
    ...features,
    {
      name: METADATA_VERSION_FEATURE,
      minSupportedVersion: MINIMUM_KRAFT,
      maxSupportedVersion: MINIMUM_KRAFT,
    },
  ];
}

function checkFeatures(image: MetadataImage, features: readonly FeatureRequest[]): void {
  for (const { name, minSupportedVersion, maxSupportedVersion } of featuresOf(features)) {
    const level = image.featureLevel(name);
    if (level === 0 || (level >= minSupportedVersion && level <= maxSupportedVersion)) continue;
    throw new KafkaError(
      ErrorCode.UNSUPPORTED_VERSION,
      `Unable to register because the broker does not support version ${level} of ${name}. ` +
        `It wants a version between ${minSupportedVersion} and ${maxSupportedVersion}, inclusive.`,
    );
  }
}

function checkDirectories(image: MetadataImage, request: RegistrationRequest): void {
  if (image.metadataVersion < MetadataVersion.DIRECTORY_ASSIGNMENT) return;
  const refuse = (message: string): never => {
    throw new KafkaError(ErrorCode.INVALID_REGISTRATION, message);
  };
  if (request.logDirs.length === 0) refuse('No directories specified in request');
  if (request.logDirs.some(isReservedDirectory)) refuse('Reserved directory ID in request');
  if (new Set(request.logDirs).size !== request.logDirs.length) {
    refuse('Duplicate directory ID in request');
  }
  for (const broker of image.brokers.values()) {
    if (broker.id === request.brokerId) continue;
    const taken = request.logDirs.find((directory) => broker.logDirs.includes(directory));
    if (taken !== undefined) {
      refuse(`Broker ${broker.id} is already registered with directory ${taken}`);
    }
  }
}

/** @throws {KafkaError} UNSUPPORTED_VERSION */
export function registerController(
  context: CommandContext,
  request: RequestOf<typeof ControllerRegistration>,
): CommandResult<null> {
  if (context.image.metadataVersion < MetadataVersion.CONTROLLER_REGISTRATION) {
    throw new KafkaError(
      ErrorCode.UNSUPPORTED_VERSION,
      'The current MetadataVersion is too old to support controller registrations.',
    );
  }
  const record: MetadataRecord = {
    type: 'RegisterControllerRecord',
    controllerId: request.controllerId,
    incarnationId: request.incarnationId,
    zkMigrationReady: request.zkMigrationReady,
    endPoints: request.listeners,
    features: request.features,
  };
  return atomically([record], null);
}

export interface HeartbeatReply {
  readonly isCaughtUp: boolean;
  readonly isFenced: boolean;
  readonly shouldShutDown: boolean;
}

type BrokerState = 'fenced' | 'unfenced' | 'controlled-shutdown' | 'shutdown-now';

/** @throws {KafkaError} STALE_BROKER_EPOCH */
export function heartbeat(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: HeartbeatRequest,
): CommandResult<HeartbeatReply> {
  const { image, nowMs } = context;
  const { sessions } = environment;
  const { brokerId, currentMetadataOffset } = request;
  if (!image.brokers.has(brokerId)) {
    throw new KafkaError(
      ErrorCode.STALE_BROKER_EPOCH,
      `Receive a heartbeat from broker ${brokerId} before registration`,
    );
  }
  const broker = checkBrokerEpoch(image, brokerId, request.brokerEpoch);
  const current = currentState(environment, broker);
  const next = nextState(environment, image, broker, current, request);
  const records = current === next ? [] : transition(environment, image, broker, next);
  sessions.touch(brokerId, nowMs, currentMetadataOffset);
  const isFenced = next === 'fenced' || next === 'shutdown-now';
  if (isFenced) sessions.endControlledShutdown(brokerId);
  if (image.metadataVersion >= MetadataVersion.DIRECTORY_ASSIGNMENT) {
    records.push(...directoriesOffline(environment, image, broker, request.offlineLogDirs));
  }
  return {
    records,
    response: {
      isCaughtUp: currentMetadataOffset >= broker.epoch,
      isFenced,
      shouldShutDown: next === 'shutdown-now',
    },
    atomic: false,
    onAppended: (lastOffset) => {
      if (next === 'controlled-shutdown') sessions.beginControlledShutdown(brokerId, lastOffset);
    },
  };
}

function currentState(environment: ControllerEnvironment, broker: BrokerImage): BrokerState {
  if (environment.sessions.isShuttingDown(broker.id)) return 'controlled-shutdown';
  return broker.fenced ? 'fenced' : 'unfenced';
}

function nextState(
  environment: ControllerEnvironment,
  image: MetadataImage,
  broker: BrokerImage,
  current: BrokerState,
  request: HeartbeatRequest,
): BrokerState {
  switch (current) {
    case 'fenced':
      if (request.wantShutDown) return 'shutdown-now';
      // It must know of its own registration; the end of the log would be a moving target (KAFKA-13959).
      if (!request.wantFence && request.currentMetadataOffset >= broker.epoch) return 'unfenced';
      return 'fenced';
    case 'unfenced':
      if (request.wantFence) return request.wantShutDown ? 'shutdown-now' : 'fenced';
      if (!request.wantShutDown) return 'unfenced';
      return leadsAnyPartition(image, broker.id) ? 'controlled-shutdown' : 'shutdown-now';
    case 'controlled-shutdown':
      if (leadsAnyPartition(image, broker.id)) return 'controlled-shutdown';
      return environment.sessions.othersCaughtUpWithShutdown(image, broker.id)
        ? 'shutdown-now'
        : 'controlled-shutdown';
    case 'shutdown-now':
      return 'shutdown-now';
    default:
      return unreachable(current);
  }
}

function transition(
  environment: ControllerEnvironment,
  image: MetadataImage,
  broker: BrokerImage,
  next: BrokerState,
): MetadataRecord[] {
  switch (next) {
    case 'fenced':
    case 'shutdown-now':
      return fenceBroker(environment, image, broker);
    case 'unfenced':
      return [fencingRecord(image, broker, false), ...changesWhenJoining(environment, image, broker.id)];
    case 'controlled-shutdown': {
      const changes = changesWhenLeaving(environment, image, broker.id);
      const marks =
        !broker.inControlledShutdown && image.metadataVersion >= MetadataVersion.IN_CONTROLLED_SHUTDOWN;
      return marks ? [changeRecord(broker, NO_CHANGE, IN_CONTROLLED_SHUTDOWN), ...changes] : changes;
    }
    default:
      return unreachable(next);
  }
}

function fenceBroker(
  environment: ControllerEnvironment,
  image: MetadataImage,
  broker: BrokerImage,
): MetadataRecord[] {
  return [...changesWhenLeaving(environment, image, broker.id), fencingRecord(image, broker, true)];
}

function fencingRecord(image: MetadataImage, broker: BrokerImage, fenced: boolean): MetadataRecord {
  if (image.metadataVersion >= MetadataVersion.BROKER_REGISTRATION_CHANGE) {
    return changeRecord(broker, fenced ? FENCE : UNFENCE, NO_CHANGE);
  }
  return {
    type: fenced ? 'FenceBrokerRecord' : 'UnfenceBrokerRecord',
    id: broker.id,
    epoch: broker.epoch,
  };
}

function changeRecord(
  broker: BrokerImage,
  fenced: number,
  inControlledShutdown: number,
  logDirs: readonly Uuid[] = [],
): MetadataRecord {
  return {
    type: 'BrokerRegistrationChangeRecord',
    brokerId: broker.id,
    brokerEpoch: broker.epoch,
    fenced,
    inControlledShutdown,
    logDirs,
  };
}

/** Replicas in a directory that failed are gone until it comes back with a new registration (KIP-858). */
function directoriesOffline(
  environment: ControllerEnvironment,
  image: MetadataImage,
  broker: BrokerImage,
  offline: readonly Uuid[],
): MetadataRecord[] {
  const failed = broker.logDirs.filter((directory) => offline.includes(directory));
  if (failed.length === 0) return [];
  const partitions = partitionsWhere(image, (partition) => {
    const directory = partition.directories[partition.replicas.indexOf(broker.id)];
    return partition.isr.includes(broker.id) && directory !== undefined && failed.includes(directory);
  });
  const left = broker.logDirs.filter((directory) => !offline.includes(directory));
  return [
    ...leaderAndIsrChanges(environment, image, { leaving: broker.id, joining: NO_LEADER, partitions }),
    changeRecord(broker, NO_CHANGE, NO_CHANGE, left),
  ];
}

/**
 * Fences the broker that has been silent longest, if its session is over. One at a time, so that what it causes is
 * there before the next is judged. Answers the id of the broker.
 */
export function fenceStaleBroker(
  environment: ControllerEnvironment,
  context: CommandContext,
): CommandResult<number | null> {
  const broker = environment.sessions.staleBroker(context.image, context.nowMs);
  if (broker === null) return answer(null);
  environment.sessions.endControlledShutdown(broker.id);
  const records = fenceBroker(environment, context.image, broker);
  return { records, response: broker.id, atomic: false };
}

/** @throws {KafkaError} BROKER_ID_NOT_REGISTERED */
export function unregisterBroker(
  environment: ControllerEnvironment,
  context: CommandContext,
  brokerId: number,
): CommandResult<null> {
  const broker = context.image.brokers.get(brokerId);
  if (broker === undefined) {
    throw new KafkaError(
      ErrorCode.BROKER_ID_NOT_REGISTERED,
      `Broker ID ${brokerId} is not currently registered`,
    );
  }
  const records: MetadataRecord[] = [
    ...changesWhenLeaving(environment, context.image, brokerId),
    { type: 'UnregisterBrokerRecord', brokerId, brokerEpoch: broker.epoch },
  ];
  environment.sessions.remove(brokerId);
  return { records, response: null, atomic: false };
}
