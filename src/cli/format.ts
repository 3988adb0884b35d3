/**
 * `sordini format`: the same work and the same words as kafka-storage.sh format.
 */
import { randomBytes } from 'node:crypto';
import { openNodeDisk } from '../../storage/disk.ts';
import {
  LATEST_METADATA_LEVEL,
  metadataLevelOf,
  metadataVersionOfLevel,
} from '../config/metadata-versions.ts';
import { ExitCode, StartupError } from '../startup-error.ts';
import type { FormatCommand } from './arguments.ts';
import { formatDirectories } from './format-directories.ts';
import { readConfig } from './read-config.ts';

function levelOf(version: string): number {
  const level = metadataLevelOf(version);
  if (level === null)
    throw new StartupError(ExitCode.BAD_CONFIGURATION, `Version ${version} is not a valid version.`);
  if (level < 1)
    throw new StartupError(
      ExitCode.BAD_CONFIGURATION,
      'Must specify a valid KRaft metadata version of at least 3.0.',
    );
  return level;
}

export async function runFormat(command: FormatCommand, print: (line: string) => void): Promise<number> {
  const { config } = await readConfig(command.file, []);
  const { settings, logs } = config;
  const configured = settings.isGiven('inter.broker.protocol.version')
    ? settings.text('inter.broker.protocol.version')
    : null;
  const version = command.release ?? configured;
  const metadataLevel = version === null ? LATEST_METADATA_LEVEL : levelOf(version);
  const request = {
    directories: [...logs.dirs, logs.metadataDir],
    clusterId: command.clusterId,
    nodeId: config.nodeId,
    metadataLevel,
    ignoreFormatted: command.ignoreFormatted,
  };
  const formatted = formatDirectories(request, {
    disk: openNodeDisk(),
    nowMs: Date.now(),
    random: randomBytes,
  });
  if (formatted.length === 0) print('All of the log directories are already formatted.');
  for (const directory of formatted) {
    print(`Formatting ${directory} with metadata.version ${metadataVersionOfLevel(metadataLevel)}.`);
  }
  return ExitCode.CLEAN;
}
