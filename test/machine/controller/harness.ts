/**
 * A controller over a metadata log in memory. Whatever is appended goes through its bytes, so what the loader replays
 * is what a reader of the log would see; and when all is committed, the image of the log must equal the working one.
 */
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from '../../../protocol/codec.ts';
import { ErrorCode, KafkaError } from '../../../protocol/errors.ts';
import type { MetadataRecord } from '../../../protocol/records/metadata.ts';
import { decodeMetadataRecord, encodeMetadataRecord } from '../../../protocol/records/metadata.ts';
import type { Api, RequestInput, RequestOf, ResponseOf } from '../../../protocol/schema.ts';
import type { Uuid } from '../../../protocol/uuid.ts';
import { uuidFromBytes } from '../../../protocol/uuid.ts';
import { loadBrokerConfig } from '../../../src/config/load.ts';
import { configRulesOf } from '../../../src/controller/config-rules.ts';
import { Controller } from '../../../src/controller/controller.ts';
import type { ControllerOptions } from '../../../src/controller/ports.ts';
import type { MetadataLog } from '../../../src/machine/controller-driver.ts';
import { ControllerDriver } from '../../../src/machine/controller-driver.ts';
import { MetadataLoader } from '../../../src/metadata/loader.ts';
import { MetadataVersion, recordVersion } from '../../../src/metadata/metadata-version.ts';
import type { MetadataChange } from '../../../src/metadata/publisher.ts';
import { MetadataPublisher } from '../../../src/metadata/publisher.ts';
import type { CommittedBatch } from '../../../src/metadata/replayer.ts';
import { VirtualTime } from '../../helpers/virtual-time.ts';

export const CLUSTER_ID = 'clusterclusterclusterA';

/** The same id for the same name, readable nowhere but equal everywhere. */
export function idOf(name: string): Uuid {
  const bytes = Buffer.alloc(16, 0xab);
  bytes.write(name, 0, 'latin1');
  return uuidFromBytes(bytes);
}

export interface AppendedBatch extends CommittedBatch {
  readonly versions: readonly number[];
}

class MemoryMetadataLog implements MetadataLog {
  readonly batches: AppendedBatch[] = [];
  leaderEpoch = 0;
  endOffset = 0;

  propose(epoch: number, records: readonly MetadataRecord[], metadataLevel: number): number {
    if (epoch !== this.leaderEpoch) throw new KafkaError(ErrorCode.NOT_CONTROLLER);
    const versions = records.map((record) => recordVersion(record, metadataLevel));
    const values = records.map((record, index) => encodeMetadataRecord(record, versions[index] ?? 0));
    const decoded = values.map((value) => decodeMetadataRecord(value));
    const sizeInBytes = values.reduce((sum, value) => sum + value.length, 61);
    return this.#add({ records: decoded, versions, sizeInBytes }, records.length);
  }

  /** The control batch with which a leadership begins. */
  beginEpoch(epoch: number): void {
    this.leaderEpoch = epoch;
    this.#add({ records: [], versions: [], sizeInBytes: 100 }, 1);
  }

  #add(batch: Pick<AppendedBatch, 'records' | 'versions' | 'sizeInBytes'>, offsetCount: number): number {
    const baseOffset = this.endOffset;
    this.endOffset += offsetCount;
    this.batches.push({
      ...batch,
      baseOffset,
      lastOffset: this.endOffset - 1,
      epoch: this.leaderEpoch,
      appendTimestampMs: 1_700_000_000_000 + baseOffset,
    });
    return baseOffset;
  }
}

export class ControllerHarness {
  readonly time = new VirtualTime();
  readonly log = new MemoryMetadataLog();
  readonly changes: MetadataChange[] = [];
  readonly faults: unknown[] = [];
  readonly loader: MetadataLoader;
  readonly driver: ControllerDriver;
  /** Commits come by themselves, or only with `commit`. */
  autoCommit = true;
  #loaded = 0;
  #seed = 1;

  constructor(
    options: Partial<ControllerOptions> = {},
    properties: Record<string, string> = {},
    maxIdleIntervalMs = 0,
  ) {
    const publisher = new MetadataPublisher(
      [{ name: 'recorder', publish: (change) => void this.changes.push(change) }],
      (_name, error) => void this.faults.push(error),
    );
    this.loader = new MetadataLoader(publisher, (error) => void this.faults.push(error));
    const { config } = loadBrokerConfig({
      overrides: Object.entries(properties).map(([k, v]) => `${k}=${v}`),
    });
    const controller = new Controller(
      {
        nodeId: 1,
        clusterId: CLUSTER_ID,
        quorumNodeIds: [1],
        brokerIncarnationId: null,
        brokerSessionTimeoutMs: 9000,
        defaultPartitionCount: 1,
        defaultReplicationFactor: 1,
        deleteTopicEnable: true,
        bootstrapRecords: [
          {
            type: 'FeatureLevelRecord',
            name: 'metadata.version',
            featureLevel: MetadataVersion.LATEST_PRODUCTION,
          },
        ],
        ...options,
      },
      {
        random: { bytes: (count) => this.#randomBytes(count), below: (bound) => this.#randomBelow(bound) },
        configs: configRulesOf(config),
        scramKeys: (_mechanism, password) => ({ storedKey: password, serverKey: password }),
      },
    );
    this.driver = new ControllerDriver({
      controller,
      log: this.log,
      loader: this.loader,
      clock: this.time,
      timer: this.time,
      logger: { info: () => undefined, warn: () => undefined },
      settings: { maxIdleIntervalMs, leaderBalanceIntervalMs: 300_000 },
      onFault: (error) => void this.faults.push(error),
    });
  }

  /** mulberry32: small, and of full period in 32 bits. */
  #randomBelow(bound: number): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), this.#seed | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  #randomBytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#randomBelow(256));
  }

  /** Wins an election. */
  lead(epoch = this.log.leaderEpoch + 1): void {
    this.log.beginEpoch(epoch);
    this.commit();
    this.driver.becomeActive(epoch);
    if (this.autoCommit) this.commit();
  }

  /** Loses it; what is not committed is cut off. */
  resign(): void {
    this.log.leaderEpoch += 1;
    this.driver.resign();
    this.log.batches.length = this.#loaded;
    this.log.endOffset = (this.log.batches.at(-1)?.lastOffset ?? -1) + 1;
  }

  commit(): void {
    const batches = this.log.batches.slice(this.#loaded);
    this.#loaded = this.log.batches.length;
    this.loader.load(batches);
    this.driver.committed(this.log.endOffset - 1);
  }

  advance(byMs: number): void {
    this.time.advance(byMs);
    if (this.autoCommit) this.commit();
  }

  /** Asks as a client would, through the bytes of request and response. */
  async ask<A extends Api>(
    api: A,
    request: RequestInput<A>,
    version: number = api.versions[1],
  ): Promise<ResponseOf<A>> {
    const bytes = Buffer.concat(encodeRequest(api, version, request));
    const decoded: RequestOf<A> = decodeRequest(api, version, bytes).value;
    const answer = this.driver.request(api, decoded, { version, clientId: 'test', principal: 'User:alice' });
    if (this.autoCommit) this.commit();
    const response = Buffer.concat(encodeResponse(api, version, await answer));
    return decodeResponse(api, version, response).value;
  }

  /** Records appended since the batch with this index. */
  appendedSince(index: number): { record: MetadataRecord; version: number; offset: number }[] {
    return this.log.batches.slice(index).flatMap((batch) =>
      batch.records.map((record, at) => ({
        record,
        version: batch.versions[at] ?? 0,
        offset: batch.baseOffset + at,
      })),
    );
  }
}
