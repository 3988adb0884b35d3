/**
 * What the files of the metadata are good for, found out before a start changes anything.
 *
 * Always true: a start that these files forbid is refused here, with every file as it was; what is damaged and not needed
 * is told in a warning.
 */
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { Disk } from '../../storage/disk.ts';
import { joinPath } from '../../storage/layout.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import type { Logger } from '../logging.ts';
import type { MetadataFindings } from '../machine/raft-inspection.ts';
import { inspectMetadata } from '../machine/raft-inspection.ts';
import { metadataLogDirectory } from '../machine/raft-open.ts';
import { QuorumStateFile } from '../machine/raft-quorum-state.ts';
import { readBootstrapRecords } from '../machine/raft-snapshots.ts';
import { MetadataVersion } from '../metadata/metadata-version.ts';
import { StartupError } from '../startup-error.ts';

const BOOTSTRAP_FILE = 'bootstrap.checkpoint';

export interface MetadataFiles {
  readonly findings: MetadataFindings;
  /** What a metadata log without records begins with. */
  readonly bootstrapRecords: readonly MetadataRecord[];
}

/** @throws {StartupError} STATE_UNREADABLE. @throws {DiskError} */
export function inspectMetadataFiles(config: BrokerConfig, disk: Disk, log: Logger): MetadataFiles {
  const directory = metadataLogDirectory(config.logs.metadataDir);
  const voterIds = config.quorum.voters.map(({ id }) => id);
  new QuorumStateFile(disk, directory, voterIds).read();
  const findings = inspectMetadata(disk, directory);
  for (const note of findings.notes) log.warn({}, `metadata: ${note}`);
  return { findings, bootstrapRecords: bootstrapRecords(config, disk, log, findings.isEmpty) };
}

function bootstrapRecords(
  config: BrokerConfig,
  disk: Disk,
  log: Logger,
  isNeeded: boolean,
): MetadataRecord[] {
  const path = joinPath(config.logs.metadataDir, BOOTSTRAP_FILE);
  try {
    const found = readBootstrapRecords(disk, path);
    if (found !== null) return found;
  } catch (error) {
    if (isNeeded || !(error instanceof StartupError)) throw error;
    log.warn({}, `metadata: ${path} can't be read; it was needed for the first start only`);
  }
  const featureLevel = MetadataVersion.LATEST_PRODUCTION;
  return [{ type: 'FeatureLevelRecord', name: 'metadata.version', featureLevel }];
}
