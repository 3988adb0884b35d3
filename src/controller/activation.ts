/**
 * What a controller writes when it becomes the active one (org.apache.kafka.controller.ActivationRecordsGenerator).
 *
 * Always true: after these records no metadata transaction is open, and the log names its metadata.version.
 */
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { ZkMigrationState } from '../metadata/image.ts';
import { MetadataVersion } from '../metadata/metadata-version.ts';

/** `openTransaction`: an earlier controller began a metadata transaction and did not end it. */
export function activationRecords(
  image: MetadataImage,
  openTransaction: boolean,
  bootstrapRecords: readonly MetadataRecord[],
): MetadataRecord[] {
  const aborts: MetadataRecord[] = openTransaction
    ? [{ type: 'AbortTransactionRecord', reason: 'Controller failover' }]
    : [];
  if (!isNew(image)) return aborts;
  // A transaction rather than one batch: credentials made by `format` may be many (KIP-868).
  return [
    ...aborts,
    { type: 'BeginTransactionRecord', name: 'Bootstrap records' },
    ...bootstrapRecords,
    { type: 'ZkMigrationStateRecord', zkMigrationState: ZkMigrationState.NONE },
    { type: 'EndTransactionRecord' },
  ];
}

/** No committed record has ever said anything. */
function isNew(image: MetadataImage): boolean {
  return (
    image.metadataVersion < MetadataVersion.MINIMUM_BOOTSTRAP &&
    image.brokers.size === 0 &&
    image.topicsById.size === 0
  );
}
