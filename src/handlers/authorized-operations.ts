/**
 * Authorized operations as bit fields: bit n stands for AclOperation n (KIP-430). Without an authorizer everything
 * that a kind of resource supports is allowed; see AclEntry.supportedOperations.
 */

const bits = (...operations: number[]): number =>
  operations.reduce((field, operation) => field | (1 << operation), 0);

const READ = 3;
const WRITE = 4;
const CREATE = 5;
const DELETE = 6;
const ALTER = 7;
const DESCRIBE = 8;
const CLUSTER_ACTION = 9;
const DESCRIBE_CONFIGS = 10;
const ALTER_CONFIGS = 11;
const IDEMPOTENT_WRITE = 12;
const CREATE_TOKENS = 13;
const DESCRIBE_TOKENS = 14;

export const ALL_TOPIC_OPERATIONS = bits(
  READ,
  WRITE,
  CREATE,
  DELETE,
  ALTER,
  DESCRIBE,
  DESCRIBE_CONFIGS,
  ALTER_CONFIGS,
);
export const ALL_GROUP_OPERATIONS = bits(READ, DESCRIBE, DELETE);
export const ALL_CLUSTER_OPERATIONS = bits(
  CREATE,
  CLUSTER_ACTION,
  DESCRIBE_CONFIGS,
  ALTER_CONFIGS,
  IDEMPOTENT_WRITE,
  ALTER,
  DESCRIBE,
);
export const ALL_USER_OPERATIONS = bits(CREATE_TOKENS, DESCRIBE_TOKENS);
/** The least int32 says that nobody asked. */
export const NOT_ASKED = -2147483648;
