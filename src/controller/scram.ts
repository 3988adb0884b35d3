/**
 * SCRAM credentials (KIP-554; ScramControlManager). Only what the password leaves behind is kept: the stored key and
 * the server key of RFC 5802.
 */
import { ErrorCode } from '../../protocol/errors.ts';
import type { AlterUserScramCredentials } from '../../protocol/messages/alter-user-scram-credentials.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { scramKey } from '../metadata/image.ts';
import { MetadataVersion } from '../metadata/metadata-version.ts';
import type { CommandContext, CommandResult, Outcome } from './command.ts';
import { atomically, failure, SUCCESS } from './command.ts';
import type { ControllerEnvironment } from './environment.ts';

type Request = RequestOf<typeof AlterUserScramCredentials>;
type Deletion = Request['deletions'][number];
type Upsertion = Request['upsertions'][number];

/** SCRAM-SHA-256 and SCRAM-SHA-512 (ScramMechanism). */
const MECHANISMS: readonly number[] = [1, 2];
const MIN_ITERATIONS = 4096;
const MAX_ITERATIONS = 16384;

export interface UserOutcome extends Outcome {
  readonly user: string;
}

/** One outcome per user: a user may be named only once in a request, whatever the mechanism. */
export function alterUserScramCredentials(
  environment: ControllerEnvironment,
  context: CommandContext,
  request: Request,
): CommandResult<UserOutcome[]> {
  const changes = new Map<string, { readonly outcome: Outcome; readonly record: MetadataRecord | null }>();
  const add = (name: string, outcome: Outcome, record: () => MetadataRecord) => {
    if (changes.has(name)) {
      const message = 'A user credential cannot be altered twice in the same request';
      changes.set(name, { outcome: failure(ErrorCode.DUPLICATE_RESOURCE, message), record: null });
      return;
    }
    changes.set(name, { outcome, record: outcome === SUCCESS ? record() : null });
  };
  for (const deletion of request.deletions) {
    const { name, mechanism } = deletion;
    add(name, checkDeletion(context.image, deletion), () => ({
      type: 'RemoveUserScramCredentialRecord',
      name,
      mechanism,
    }));
  }
  for (const upsertion of request.upsertions) {
    add(upsertion.name, checkUpsertion(context.image, upsertion), () =>
      credentialRecord(environment, upsertion),
    );
  }
  const records = [...changes.values()].flatMap(({ record }) => (record === null ? [] : [record]));
  const outcomes = [...changes].map(([user, { outcome }]) => ({ user, ...outcome }));
  return atomically(records, outcomes);
}

function credentialRecord(environment: ControllerEnvironment, upsertion: Upsertion): MetadataRecord {
  const { name, mechanism, salt, iterations, saltedPassword } = upsertion;
  const keys = environment.ports.scramKeys(mechanism, saltedPassword);
  return { type: 'UserScramCredentialRecord', name, mechanism, salt, ...keys, iterations };
}

function checkNames(image: MetadataImage, name: string, mechanism: number): Outcome {
  if (image.metadataVersion < MetadataVersion.SCRAM) {
    return failure(ErrorCode.UNSUPPORTED_VERSION, 'The current metadata version does not support SCRAM');
  }
  if (name === '') return failure(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Username must not be empty');
  if (!MECHANISMS.includes(mechanism)) {
    return failure(ErrorCode.UNSUPPORTED_SASL_MECHANISM, 'Unknown SCRAM mechanism');
  }
  return SUCCESS;
}

function checkDeletion(image: MetadataImage, { name, mechanism }: Deletion): Outcome {
  const outcome = checkNames(image, name, mechanism);
  if (outcome !== SUCCESS || image.scram.has(scramKey(name, mechanism))) return outcome;
  return failure(ErrorCode.RESOURCE_NOT_FOUND, 'Attempt to delete a user credential that does not exist');
}

function checkUpsertion(image: MetadataImage, upsertion: Upsertion): Outcome {
  const outcome = checkNames(image, upsertion.name, upsertion.mechanism);
  if (outcome !== SUCCESS) return outcome;
  if (upsertion.iterations < MIN_ITERATIONS) {
    return failure(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Too few iterations');
  }
  if (upsertion.iterations > MAX_ITERATIONS) {
    return failure(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Too many iterations');
  }
  if (upsertion.salt.length === 0 || upsertion.saltedPassword.length === 0) {
    return failure(ErrorCode.UNACCEPTABLE_CREDENTIAL, 'Salt and salted password must not be empty');
  }
  return SUCCESS;
}
