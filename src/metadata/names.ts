/**
 * The rules for names of topics, with the messages that Kafka's tools print (org.apache.kafka.common.internals.Topic).
 *
 * Always true: a name that passes is a legal directory name on every system Kafka runs on, so partitions can be kept
 * in `<topic>-<partition>`.
 */

export const GROUP_METADATA_TOPIC = '__consumer_offsets';
export const TRANSACTION_STATE_TOPIC = '__transaction_state';
export const CLUSTER_METADATA_TOPIC = '__cluster_metadata';

const MAX_NAME_LENGTH = 249;
const LEGAL_NAME = /^[a-zA-Z0-9._-]*$/;

/** Why the name is refused, as the tail of Kafka's sentence; null when the name is legal. */
function reasonInvalid(name: string): string | null {
  if (name === '') return 'the empty string is not allowed';
  if (name === '.') return "'.' is not allowed";
  if (name === '..') return "'..' is not allowed";
  if (name.length > MAX_NAME_LENGTH) {
    return `the length of '${name}' is longer than the max allowed length ${MAX_NAME_LENGTH}`;
  }
  if (!LEGAL_NAME.test(name)) {
    return `'${name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'`;
  }
  return null;
}

/** The message of InvalidTopicException for this name, or null when the name is legal. */
export function topicNameProblem(name: string): string | null {
  const reason = reasonInvalid(name);
  return reason === null ? null : `Topic name is invalid: ${reason}`;
}

export function isValidTopicName(name: string): boolean {
  return reasonInvalid(name) === null;
}

/** Internal topics are written by coordinators only and hidden from consumers with patterns. */
export function isInternalTopic(name: string): boolean {
  return name === GROUP_METADATA_TOPIC || name === TRANSACTION_STATE_TOPIC;
}

/** Metric names turn '.' into '_', so two names that differ only there would share their metrics. */
export function hasCollisionChars(name: string): boolean {
  return name.includes('_') || name.includes('.');
}

/** The form in which names that would share their metrics are equal. */
export function unifyCollisionChars(name: string): string {
  return name.replaceAll('.', '_');
}
