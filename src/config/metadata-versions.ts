// The version texts that `inter.broker.protocol.version`, `log.message.format.version` and `--release-version` take,
// with the feature level of `metadata.version` that each stands for (MetadataVersion of Apache Kafka 3.7.0).

/** Release, its inter-broker versions in order, and the feature level of the first (-1: before KRaft). */
const RELEASES: readonly (readonly [release: string, iterations: readonly number[], firstLevel: number])[] = [
  ['0.8.0', [], -1],
  ['0.8.1', [], -1],
  ['0.8.2', [], -1],
  ['0.9.0', [], -1],
  ['0.10.0', [0, 1], -1],
  ['0.10.1', [0, 1, 2], -1],
  ['0.10.2', [0], -1],
  ['0.11.0', [0, 1, 2], -1],
  ['1.0', [0], -1],
  ['1.1', [0], -1],
  ['2.0', [0, 1], -1],
  ['2.1', [0, 1, 2], -1],
  ['2.2', [0, 1], -1],
  ['2.3', [0, 1], -1],
  ['2.4', [0, 1], -1],
  ['2.5', [0], -1],
  ['2.6', [0], -1],
  ['2.7', [0, 1, 2], -1],
  ['2.8', [0, 1], -1],
  ['3.0', [1], 1],
  ['3.1', [0], 2],
  ['3.2', [0], 3],
  ['3.3', [0, 1, 2, 3], 4],
  ['3.4', [0], 8],
  ['3.5', [0, 1, 2], 9],
  ['3.6', [0, 1, 2], 12],
  ['3.7', [0, 1, 2, 3, 4], 15],
];

const LEVELS = new Map<string, number>([['3.0-IV0', -1]]);
for (const [release, iterations, firstLevel] of RELEASES) {
  iterations.forEach((iteration, index) => {
    LEVELS.set(`${release}-IV${iteration}`, firstLevel < 0 ? -1 : firstLevel + index);
  });
  LEVELS.set(release, firstLevel < 0 ? -1 : firstLevel + iterations.length - 1);
}

/** The level of 3.7-IV4, the newest that a 3.7.0 cluster may run at. */
export const LATEST_METADATA_LEVEL = 19;

/**
 * The feature level that a version text names, -1 for versions older than KRaft, null when there is no such version.
 * `3.7.1` means `3.7`; versions before 1.0 are told apart by three numbers.
 */
export function metadataLevelOf(version: string): number | null {
  const segments = version.split('.');
  const count = version.startsWith('0.') ? 3 : 2;
  return LEVELS.get(segments.length > count ? segments.slice(0, count).join('.') : version) ?? null;
}

export function isMetadataVersion(version: string): boolean {
  return metadataLevelOf(version) !== null;
}

/** The text of a feature level, as `3.7-IV4` for 19. */
export function metadataVersionOfLevel(level: number): string | null {
  for (const [text, of] of LEVELS) {
    if (of === level && text.includes('-IV')) return text;
  }
  return null;
}
