/**
 * Finalized features and metadata.version (KIP-584, KIP-778; FeatureControlManager). The sentences are those that
 * kafka-features prints.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { UpdateFeatures } from '../../protocol/messages/update-features.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import type { FeatureRange, MetadataImage } from '../metadata/image.ts';
import {
  METADATA_VERSION_FEATURE,
  MetadataVersion,
  metadataChangedBetween,
  metadataVersionName,
} from '../metadata/metadata-version.ts';
import type { CommandContext, CommandResult, Outcome } from './command.ts';
import { atomically, failure, SUCCESS } from './command.ts';
import type { ControllerEnvironment } from './environment.ts';

type Request = RequestOf<typeof UpdateFeatures>;

/** FeatureUpdate.UpgradeType */
const UpgradeType = { UPGRADE: 1, SAFE_DOWNGRADE: 2, UNSAFE_DOWNGRADE: 3 } as const;

/** What this node supports. A feature that is not listed may only be at level 0. */
export const SUPPORTED_FEATURES: readonly FeatureRange[] = [
  {
    name: METADATA_VERSION_FEATURE,
    minSupportedVersion: MetadataVersion.MINIMUM_KRAFT,
    maxSupportedVersion: MetadataVersion.LATEST_PRODUCTION,
  },
];

export interface FeatureOutcome extends Outcome {
  readonly feature: string;
}

/** Outcomes sorted by feature. Code per feature: INVALID_UPDATE_VERSION. */
export function updateFeatures(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: Request,
): CommandResult<FeatureOutcome[]> {
  const records: MetadataRecord[] = [];
  const updates = new Map(request.featureUpdates.map((update) => [update.feature, update]));
  const outcomes = [...updates.values()]
    .sort((left, right) => (left.feature < right.feature ? -1 : 1))
    .map(({ feature, maxVersionLevel, upgradeType }) => ({
      feature,
      ...updateFeature(environment, context.image, feature, maxVersionLevel, upgradeType, records),
    }));
  return atomically(request.validateOnly ? [] : records, outcomes);
}

function updateFeature(
  environment: ControllerEnvironment,
  image: MetadataImage,
  feature: string,
  level: number,
  upgradeType: number,
  records: MetadataRecord[],
): Outcome {
  const refuse = (reason: string) =>
    failure(
      ErrorCode.INVALID_UPDATE_VERSION,
      `Invalid update version ${level} for feature ${feature}. ${reason}`,
    );
  const known = Object.values(UpgradeType).some((type) => type === upgradeType);
  if (!known) return refuse('The controller does not support the given upgrade type.');
  if (level < 0) return refuse('A feature version cannot be less than 0.');
  const reason = reasonNotSupported(environment, image, feature, level);
  if (reason !== null) return refuse(reason);
  const current = image.featureLevel(feature);
  if (level < current && upgradeType === UpgradeType.UPGRADE) {
    return refuse(
      "Can't downgrade the version of this feature without setting the upgrade type to either safe or " +
        'unsafe downgrade.',
    );
  }
  if (level > current && upgradeType !== UpgradeType.UPGRADE) {
    return refuse("Can't downgrade to a newer version.");
  }
  if (feature === METADATA_VERSION_FEATURE) {
    const outcome = checkMetadataVersion(level, current, upgradeType === UpgradeType.UNSAFE_DOWNGRADE);
    if (outcome !== SUCCESS) return outcome;
  }
  records.push({ type: 'FeatureLevelRecord', name: feature, featureLevel: level });
  return SUCCESS;
}

function checkMetadataVersion(level: number, current: number, unsafe: boolean): Outcome {
  const refuse = (reason: string) =>
    failure(ErrorCode.INVALID_UPDATE_VERSION, `Invalid metadata.version ${level}. ${reason}`);
  if (metadataVersionName(level) === null) return refuse('Unknown metadata.version.');
  if (level < MetadataVersion.MINIMUM_BOOTSTRAP) {
    const minimum = metadataVersionName(MetadataVersion.MINIMUM_BOOTSTRAP);
    return refuse(`Unable to set a metadata.version less than ${minimum}`);
  }
  if (level < current && metadataChangedBetween(level, current)) {
    return refuse(
      unsafe
        ? 'Unsafe metadata downgrade is not supported in this version.'
        : 'Refusing to perform the requested downgrade because it might delete metadata information.',
    );
  }
  return SUCCESS;
}

/** Why a node of the cluster would not understand this level; null when all would. */
function reasonNotSupported(
  environment: ControllerEnvironment,
  image: MetadataImage,
  feature: string,
  level: number,
): string | null {
  const { nodeId, quorumNodeIds } = environment.options;
  const local = unsupported(`Local controller ${nodeId}`, SUPPORTED_FEATURES, feature, level);
  if (local !== null) return local;
  for (const broker of image.brokers.values()) {
    const reason = unsupported(`Broker ${broker.id}`, broker.features, feature, level);
    if (reason !== null) return reason;
  }
  if (image.metadataVersion < MetadataVersion.CONTROLLER_REGISTRATION) return null;
  for (const controller of image.controllers.values()) {
    if (controller.id === nodeId) continue;
    const reason = unsupported(`Controller ${controller.id}`, controller.features, feature, level);
    if (reason !== null) return reason;
  }
  const silent = quorumNodeIds.find((id) => id !== nodeId && !image.controllers.has(id));
  if (silent === undefined) return null;
  return `controller ${silent} has not registered, and may not support this feature`;
}

function unsupported(
  who: string,
  ranges: readonly FeatureRange[],
  feature: string,
  level: number,
): string | null {
  const range = ranges.find((candidate) => candidate.name === feature);
  const min = range?.minSupportedVersion ?? 0;
  const max = range?.maxSupportedVersion ?? 0;
  if (level >= min && level <= max) return null;
  if (max === 0) return `${who} does not support this feature.`;
  return `${who} only supports versions ${min === max ? min : `${min}-${max}`}`;
}
