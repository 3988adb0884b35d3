/**
 * The core's outgoing requests as calls of the transport.
 *
 * Always true: a call ends with a response the core can take, or with null (no answer, a refusal of the whole, an
 * answer for another partition), which the core takes as a failed request.
 */

import { unreachable } from '../../protocol/assert.ts';
import { BeginQuorumEpoch } from '../../protocol/messages/begin-quorum-epoch.ts';
import { EndQuorumEpoch } from '../../protocol/messages/end-quorum-epoch.ts';
import { Fetch } from '../../protocol/messages/fetch.ts';
import { FetchSnapshot } from '../../protocol/messages/fetch-snapshot.ts';
import { Vote } from '../../protocol/messages/vote.ts';
import type { Api, RequestInput, ResponseOf } from '../../protocol/schema.ts';
import type { RaftRequest, RaftResponse } from '../raft/messages.ts';
import {
  readBeginResponse,
  readEndResponse,
  readFetchResponse,
  readFetchSnapshotResponse,
  readVoteResponse,
  writeBegin,
  writeEnd,
  writeFetch,
  writeFetchSnapshot,
  writeVote,
} from './raft-wire.ts';

/** Calls to the controller listeners of the other nodes. */
export interface RaftTransport {
  /**
   * Sends a request on the one connection to `nodeId`, opening it where needed; rejects when no answer will come.
   * Record buffers of the answer may be views, valid until the callbacks of the promise have run.
   */
  call<A extends Api>(
    nodeId: number,
    api: A,
    version: number,
    request: RequestInput<A>,
  ): Promise<ResponseOf<A>>;
}

/** For a quorum of one. */
export const noTransport: RaftTransport = {
  call: () => Promise.reject(new Error('this quorum has no other node')),
};

/** Versions at metadata.version 3.7-IV4; Fetch is sent in its latest. */
const FETCH_VERSION = 16;

export async function callPeer(
  transport: RaftTransport,
  nodeId: number,
  request: RaftRequest,
  clusterId: string,
): Promise<RaftResponse | null> {
  switch (request.kind) {
    case 'vote':
      return readVoteResponse(await transport.call(nodeId, Vote, 0, writeVote(request, clusterId)));
    case 'beginQuorumEpoch':
      return readBeginResponse(
        await transport.call(nodeId, BeginQuorumEpoch, 0, writeBegin(request, clusterId)),
      );
    case 'endQuorumEpoch':
      return readEndResponse(await transport.call(nodeId, EndQuorumEpoch, 0, writeEnd(request, clusterId)));
    case 'fetch':
      return readFetchResponse(
        await transport.call(nodeId, Fetch, FETCH_VERSION, writeFetch(request, clusterId)),
      );
    case 'fetchSnapshot':
      return readFetchSnapshotResponse(
        await transport.call(nodeId, FetchSnapshot, 0, writeFetchSnapshot(request, clusterId)),
      );
    default:
      return unreachable(request);
  }
}
