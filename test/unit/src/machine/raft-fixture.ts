/** Quorums of real drivers in one process: virtual time, disks in memory, a transport of function calls. */

import { expect } from 'vitest';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../../../protocol/codec.ts';
import { BeginQuorumEpoch } from '../../../../protocol/messages/begin-quorum-epoch.ts';
import { EndQuorumEpoch } from '../../../../protocol/messages/end-quorum-epoch.ts';
import { Fetch } from '../../../../protocol/messages/fetch.ts';
import { FetchSnapshot } from '../../../../protocol/messages/fetch-snapshot.ts';
import { Vote } from '../../../../protocol/messages/vote.ts';
import type { MetadataRecord } from '../../../../protocol/records/metadata.ts';
import type { Api, RequestInput, ResponseInput, ResponseOf } from '../../../../protocol/schema.ts';
import * as raftApi from '../../../../src/machine/raft-api.ts';
import type { LeaderAndEpoch, RaftListener } from '../../../../src/machine/raft-feed.ts';
import { RaftNode } from '../../../../src/machine/raft-node.ts';
import { metadataLogDirectory, openMetadataLog } from '../../../../src/machine/raft-open.ts';
import type { RaftTransport } from '../../../../src/machine/raft-peers.ts';
import type { SnapshotRetention } from '../../../../src/machine/raft-retention.ts';
import { retentionDefaults } from '../../../../src/machine/raft-retention.ts';
import type { CommittedBatch, LoadedSnapshot } from '../../../../src/metadata/replayer.ts';
import { MemoryDisk } from '../../../../storage/memory-disk.ts';
import { StagingPool } from '../../../../storage/staging.ts';
import { VirtualTime } from '../../../helpers/virtual-time.ts';

export const DIRECTORY = '/data';
export const METADATA_LEVEL = 19;

/** Keeps what a metadata state machine would have applied. */
export class RecordingListener implements RaftListener {
  records: MetadataRecord[] = [];
  readonly batches: CommittedBatch[] = [];
  readonly leaders: LeaderAndEpoch[] = [];
  snapshotsLoaded = 0;

  handleCommit(batches: readonly CommittedBatch[]): void {
    this.batches.push(...batches);
    this.records.push(...batches.flatMap((batch) => batch.records));
  }

  handleLoadSnapshot(snapshot: LoadedSnapshot): void {
    this.snapshotsLoaded += 1;
    this.records = [...snapshot.records];
  }

  handleLeaderChange(leader: LeaderAndEpoch): void {
    this.leaders.push(leader);
  }
}

export const topic = (name: string): MetadataRecord => ({
  type: 'TopicRecord',
  name,
  topicId: 'AAAAAAAAAAEAAAAAAAAAAg',
});

export const topicNames = (records: readonly MetadataRecord[]): string[] =>
  records.flatMap((record) => (record.type === 'TopicRecord' ? [record.name] : []));

/** Lets promises run: flushes of the disk in memory and calls of the transport take a few turns each. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

interface Started {
  readonly node: RaftNode;
  readonly listener: RecordingListener;
  readonly errors: unknown[];
}

export class TestQuorum {
  readonly time = new VirtualTime();
  readonly disks = new Map<number, MemoryDisk>();
  readonly nodes = new Map<number, Started>();
  readonly #voterIds: readonly number[];
  readonly #retention: SnapshotRetention;
  #random = 1;

  constructor(voterIds: readonly number[], retention: SnapshotRetention = retentionDefaults) {
    this.#voterIds = voterIds;
    this.#retention = retention;
  }

  random(): number {
    this.#random = (this.#random * 48271) % 2147483647;
    return this.#random / 2147483647;
  }

  open(id: number, disk = this.disks.get(id) ?? new MemoryDisk({ trackSync: true })): Started {
    this.disks.set(id, disk);
    disk.makeDirectory(DIRECTORY);
    disk.syncDirectoryNow('/');
    const errors: unknown[] = [];
    const environment = {
      disk,
      stagingPool: new StagingPool(),
      random: () => this.random(),
      onFailure: () => {},
    };
    const listener = new RecordingListener();
    const log = openMetadataLog(environment, {
      directory: DIRECTORY,
      segmentBytes: 1024 * 1024,
      segmentMs: 7 * 24 * 60 * 60 * 1000,
      nowMs: this.time.wallMs(),
    });
    const node = new RaftNode(
      {
        nodeId: id,
        clusterId: 'cluster',
        voters: this.#voterIds.map((voterId) => ({ id: voterId, directoryId: null })),
        timing: {},
        retention: this.#retention,
        directory: metadataLogDirectory(DIRECTORY),
      },
      {
        disk,
        log,
        clock: this.time,
        timer: this.time,
        random: () => this.random(),
        transport: this.#transport(),
        listener,
        onFatal: (error) => errors.push(error),
        onNote: () => {},
      },
    );
    const started = { node, listener, errors };
    this.nodes.set(id, started);
    return started;
  }

  /** Starts a node, or finds it gone: no call reaches it after `stop`. */
  start(id: number, disk?: MemoryDisk): Started {
    const started = this.open(id, disk);
    started.node.start();
    return started;
  }

  stop(id: number): void {
    this.nodes.delete(id);
  }

  /** Lets `ms` pass in small steps, and all promises run. */
  async pass(ms: number, stepMs = 25): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.time.advance(stepMs);
      await turns(6);
    }
  }

  leader(): Started {
    const leaders = [...this.nodes.values()].filter(({ node }) => node.isLeader);
    expect(leaders).toHaveLength(1);
    return leaders[0] as Started;
  }

  #transport(): RaftTransport {
    return {
      call: async <A extends Api>(
        nodeId: number,
        api: A,
        version: number,
        request: RequestInput<A>,
      ): Promise<ResponseOf<A>> => {
        const target = this.nodes.get(nodeId);
        if (target === undefined) {
          throw new Error('connection refused');
        }
        // Over the wire and back, so that the mapping is proved along.
        const bytes = Buffer.concat(encodeRequest(api, version, request));
        const { value } = decodeRequest(api as Api, version, bytes);
        const response = await serve(target.node, api as Api, value);
        const answer = Buffer.concat(encodeResponse(api as Api, version, response));
        return decodeResponse(api, version, answer).value;
      },
    };
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the request was decoded with the API it is served by.
async function serve(node: RaftNode, api: Api, request: any): Promise<ResponseInput<Api>> {
  switch (api) {
    case Vote:
      return raftApi.vote(node, request);
    case BeginQuorumEpoch:
      return raftApi.beginQuorumEpoch(node, request);
    case EndQuorumEpoch:
      return raftApi.endQuorumEpoch(node, request);
    case Fetch:
      return raftApi.fetch(node, request);
    case FetchSnapshot:
      return raftApi.fetchSnapshot(node, request);
    default:
      throw new Error('not an API of the quorum');
  }
}
