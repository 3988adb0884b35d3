/**
 * The quorum's APIs as the controller listener serves them: wire requests in, wire responses out.
 *
 * Always true: each answers in Kafka's words; authorization and versions are the business of who calls.
 */

import { assert } from '../../protocol/assert.ts';
import { ErrorCode } from '../../protocol/errors.ts';
import type { BeginQuorumEpoch } from '../../protocol/messages/begin-quorum-epoch.ts';
import type { DescribeQuorum } from '../../protocol/messages/describe-quorum.ts';
import type { EndQuorumEpoch } from '../../protocol/messages/end-quorum-epoch.ts';
import type { Fetch } from '../../protocol/messages/fetch.ts';
import type { FetchSnapshot } from '../../protocol/messages/fetch-snapshot.ts';
import type { Vote } from '../../protocol/messages/vote.ts';
import type { RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { RaftResponse } from '../raft/messages.ts';
import type { RaftNode, RaftReply } from './raft-node.ts';
import {
  readBegin,
  readEnd,
  readFetch,
  readFetchSnapshot,
  readVote,
  refuseFetchSnapshot,
  writeBeginResponse,
  writeDescription,
  writeEndResponse,
  writeFetchResponse,
  writeFetchSnapshotResponse,
  writeVoteResponse,
} from './raft-wire.ts';

/** Registers what is to run when the asker's connection ends before the answer. */
export type OnGone = (cancel: () => void) => void;

function responseOf<Kind extends RaftResponse['kind']>(
  reply: RaftReply,
  kind: Kind,
): Extract<RaftResponse, { readonly kind: Kind }> {
  const { response } = reply;
  assert(response.kind === kind, 'An answer is of the kind of its request.');
  return response as Extract<RaftResponse, { readonly kind: Kind }>;
}

export async function vote(
  node: RaftNode,
  message: RequestOf<typeof Vote>,
): Promise<ResponseInput<typeof Vote>> {
  const { request, errorCode } = readVote(message, node.clusterId);
  if (request === null) {
    return { errorCode, topics: [] };
  }
  return writeVoteResponse(responseOf(await node.handle(request), 'vote'));
}

export async function beginQuorumEpoch(
  node: RaftNode,
  message: RequestOf<typeof BeginQuorumEpoch>,
): Promise<ResponseInput<typeof BeginQuorumEpoch>> {
  const { request, errorCode } = readBegin(message, node.clusterId);
  if (request === null) {
    return { errorCode, topics: [] };
  }
  return writeBeginResponse(responseOf(await node.handle(request), 'beginQuorumEpoch'));
}

export async function endQuorumEpoch(
  node: RaftNode,
  message: RequestOf<typeof EndQuorumEpoch>,
): Promise<ResponseInput<typeof EndQuorumEpoch>> {
  const { request, errorCode } = readEnd(message, node.clusterId);
  if (request === null) {
    return { errorCode, topics: [] };
  }
  return writeEndResponse(responseOf(await node.handle(request), 'endQuorumEpoch'));
}

/** Fetch of `__cluster_metadata-0`, by other voters, by brokers, and by whoever reads along. */
export async function fetch(
  node: RaftNode,
  message: RequestOf<typeof Fetch>,
  onGone?: OnGone,
): Promise<ResponseInput<typeof Fetch>> {
  const { request, errorCode } = readFetch(message, node.clusterId);
  if (request === null) {
    return { throttleTimeMs: 0, errorCode, responses: [] };
  }
  const reply = await node.handle(request, onGone);
  return writeFetchResponse(responseOf(reply, 'fetch'), reply.bytes);
}

export async function fetchSnapshot(
  node: RaftNode,
  message: RequestOf<typeof FetchSnapshot>,
): Promise<ResponseInput<typeof FetchSnapshot>> {
  const { request, errorCode } = readFetchSnapshot(message, node.clusterId);
  if (request === null) {
    return refuseFetchSnapshot(message, errorCode);
  }
  const reply = await node.handle(request);
  const response = responseOf(reply, 'fetchSnapshot');
  const isServed = response.errorCode === ErrorCode.NONE;
  return writeFetchSnapshotResponse(
    response,
    isServed ? reply.size : 0,
    isServed ? reply.bytes : Buffer.alloc(0),
  );
}

export function describeQuorum(
  node: RaftNode,
  message: RequestOf<typeof DescribeQuorum>,
): ResponseInput<typeof DescribeQuorum> {
  return writeDescription(message, node.describe(), (atMs) => node.toWallMs(atMs));
}
