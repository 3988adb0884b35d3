/** What the handlers of transactions share. */
import { ErrorCode } from '../../protocol/errors.ts';

/** KIP-588: clients of earlier versions know PRODUCER_FENCED by another code. */
export function fencedBefore(firstVersion: number, version: number, errorCode: number): number {
  return errorCode === ErrorCode.PRODUCER_FENCED && version < firstVersion
    ? ErrorCode.INVALID_PRODUCER_EPOCH
    : errorCode;
}
