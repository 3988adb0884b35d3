/**
 * Who asks the controller, and what he may do. The principal is the one at the broker to which the client spoke, not
 * the broker that forwarded (KIP-590).
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';

export type AclOperationName =
  | 'CREATE'
  | 'DELETE'
  | 'ALTER'
  | 'DESCRIBE'
  | 'CLUSTER_ACTION'
  | 'DESCRIBE_CONFIGS'
  | 'ALTER_CONFIGS';

export interface Caller {
  /** Version of the request. */
  readonly version: number;
  readonly principal: string;
  /** The name of the cluster resource is `kafka-cluster`. */
  readonly allows: (operation: AclOperationName, resource: 'CLUSTER' | 'TOPIC', name: string) => boolean;
  /** Charges partition changes to the caller's quota; throws THROTTLING_QUOTA_EXCEEDED (KIP-599). */
  readonly charge: (partitionCount: number) => void;
}

const CLUSTER_NAME = 'kafka-cluster';

export function allowsOnCluster(caller: Caller, operation: AclOperationName): boolean {
  return caller.allows(operation, 'CLUSTER', CLUSTER_NAME);
}

/** @throws {KafkaError} CLUSTER_AUTHORIZATION_FAILED */
export function checkCluster(caller: Caller, operation: AclOperationName): void {
  if (allowsOnCluster(caller, operation)) return;
  throw new KafkaError(
    ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
    `Request from ${caller.principal} is not authorized.`,
  );
}
