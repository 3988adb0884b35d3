/**
 * The data directories of a node at its start: whose they are, and formatting those of a lone node.
 *
 * What is always true after `openDirectories`: every directory that can be used at all is formatted, and is of this
 * cluster and node.
 * A directory of another cluster or node is refused, never touched; one that is not formatted is formatted only where
 * this node is alone, for a node of a larger quorum must not invent a cluster (KIP-631).
 */

import type { Uuid } from '../../protocol/uuid.ts';
import { makeUuid } from '../../protocol/uuid.ts';
import type { Disk } from '../../storage/disk.ts';
import { DiskError } from '../../storage/disk.ts';
import { writeMetaProperties } from '../../storage/layout.ts';
import { formatDirectories, formattedAs, javaDate } from '../cli/format-directories.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import { metadataLevelOf } from '../config/metadata-versions.ts';
import { MetadataVersion } from '../metadata/metadata-version.ts';
import { ExitCode, StartupError } from '../startup-error.ts';

export interface NodeIdentity {
  readonly clusterId: string;
  readonly nodeId: number;
  /** Of each usable log directory that may hold replicas. */
  readonly directoryIds: ReadonlyMap<string, Uuid>;
}

export interface DirectoryPorts {
  readonly disk: Disk;
  readonly nowMs: number;
  readonly random: (byteCount: number) => Uint8Array;
}

/** The level that a new cluster begins with: the one of inter.broker.protocol.version where that is set, as Kafka's. */
function initialMetadataLevel({ settings }: BrokerConfig): number {
  const key = 'inter.broker.protocol.version';
  const level = settings.isGiven(key) ? metadataLevelOf(settings.text(key)) : null;
  return level ?? MetadataVersion.LATEST_PRODUCTION;
}

/**
 * The directories that can be used. One that can't is left out and its replicas are offline (KIP-112), but for that of
 * the metadata, without which there is no node. @throws {DiskError}
 */
export function usableDirectories({ logs }: BrokerConfig, disk: Disk): string[] {
  return [...new Set([logs.metadataDir, ...logs.dirs])].filter((directory) => {
    try {
      disk.makeDirectory(directory);
      disk.list(directory);
      return true;
    } catch (error) {
      if (!(error instanceof DiskError) || error.kind !== 'io' || directory === logs.metadataDir) throw error;
      return false;
    }
  });
}

/** @throws {StartupError} DIRECTORY_FOREIGN. @throws {DiskError} when one can't be read or written. */
export function openDirectories(config: BrokerConfig, ports: DirectoryPorts): NodeIdentity {
  const { disk, nowMs, random } = ports;
  const directories = usableDirectories(config, disk);
  let expected: { clusterId: string | null; nodeId: number | null } = {
    clusterId: null,
    nodeId: config.nodeIdGiven ? config.nodeId : null,
  };
  for (const directory of directories) {
    const found = formattedAs(disk, directory, expected);
    if (found !== null) expected = { clusterId: found.clusterId, nodeId: found.nodeId };
  }
  const identity = {
    clusterId: expected.clusterId ?? config.clusterId ?? makeUuid(random),
    nodeId: expected.nodeId ?? config.nodeId,
  };
  const missing = directories.filter((directory) => formattedAs(disk, directory, identity) === null);
  if (missing.length > 0 && !config.isLoneVoter) {
    throw new StartupError(
      ExitCode.DIRECTORY_FOREIGN,
      `No meta.properties found in ${missing.join(', ')}: format the directory with \`sordini format\` first.`,
    );
  }
  const metadataLevel = initialMetadataLevel(config);
  formatDirectories({ ...identity, directories: missing, metadataLevel, ignoreFormatted: true }, ports);
  const directoryIds = new Map<string, Uuid>();
  for (const directory of directories) {
    const properties = formattedAs(disk, directory, identity);
    const directoryId = properties?.directoryId ?? makeUuid(random);
    // Directories formatted before 3.7 get their id at the first start, as in Kafka (KIP-858).
    if (properties?.directoryId === null) {
      writeMetaProperties(disk, directory, { ...identity, directoryId }, javaDate(nowMs));
    }
    if (config.logs.dirs.includes(directory)) directoryIds.set(directory, directoryId);
  }
  return { ...identity, directoryIds };
}
