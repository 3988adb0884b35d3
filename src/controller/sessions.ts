/**
 * Which brokers have been heard of lately (org.apache.kafka.controller.BrokerHeartbeatManager).
 *
 * Always true: this is soft state of the active controller. It is made anew at every activation, when each unfenced
 * broker gets a full session, and it is never consulted for what the log says: whether a broker is fenced is in the
 * image. The broker in the controller's own process lives as long as the controller does. Times are monotonic
 * milliseconds.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import type { BrokerImage, MetadataImage } from '../metadata/image.ts';

interface Session {
  lastContactMs: number;
  /** The metadata offset that the broker last said it had, -1 when it has not. */
  metadataOffset: number;
  /** Offset at which its controlled shutdown began, -1 when it is not shutting down. */
  controlledShutdownOffset: number;
}

export interface OwnBroker {
  readonly nodeId: number;
  /** Of the broker in this process. */
  readonly incarnationId: Uuid;
}

export class BrokerSessions {
  readonly #timeoutMs: number;
  readonly #own: OwnBroker | null;
  readonly #sessions = new Map<number, Session>();

  constructor(timeoutMs: number, own: OwnBroker | null) {
    this.#timeoutMs = timeoutMs;
    this.#own = own;
  }

  activate(image: MetadataImage, nowMs: number): void {
    this.#sessions.clear();
    for (const id of image.brokers.keys()) this.touch(id, nowMs, -1);
  }

  /** Notes that the broker was heard of. */
  touch(brokerId: number, nowMs: number, metadataOffset: number): void {
    const session = this.#sessions.get(brokerId);
    if (session === undefined) {
      this.#sessions.set(brokerId, { lastContactMs: nowMs, metadataOffset, controlledShutdownOffset: -1 });
      return;
    }
    session.lastContactMs = nowMs;
    session.metadataOffset = metadataOffset;
  }

  remove(brokerId: number): void {
    this.#sessions.delete(brokerId);
  }

  hasValidSession(broker: BrokerImage, nowMs: number): boolean {
    return !broker.fenced && this.#expiryMs(broker) >= nowMs;
  }

  /** When the next session may end; null when none of an unfenced broker can. */
  nextExpiryMs(image: MetadataImage): number | null {
    let earliest = Number.POSITIVE_INFINITY;
    for (const broker of image.brokers.values()) {
      if (!broker.fenced) earliest = Math.min(earliest, this.#expiryMs(broker));
    }
    return earliest === Number.POSITIVE_INFINITY ? null : earliest;
  }

  /** The unfenced broker that has been silent longest, if its session is over. */
  staleBroker(image: MetadataImage, nowMs: number): BrokerImage | null {
    let oldest: BrokerImage | null = null;
    for (const broker of image.brokers.values()) {
      if (broker.fenced || this.hasValidSession(broker, nowMs)) continue;
      if (oldest === null || this.#expiryMs(broker) < this.#expiryMs(oldest)) oldest = broker;
    }
    return oldest;
  }

  /**
   * Gives everybody a full session. For a controller that could not run for a while: heartbeats may be waiting unread,
   * so it cannot tell who was silent. Without this a suspended lone node would fence its own healthy broker on waking.
   */
  renewAll(nowMs: number): void {
    for (const session of this.#sessions.values()) session.lastContactMs = nowMs;
  }

  isShuttingDown(brokerId: number): boolean {
    return this.#controlledShutdownOffset(brokerId) >= 0;
  }

  /** A fenced broker is in no controlled shutdown any more: its next heartbeat is told to stop at once. */
  endControlledShutdown(brokerId: number): void {
    const session = this.#sessions.get(brokerId);
    if (session !== undefined) session.controlledShutdownOffset = -1;
  }

  /** The offset is taken once, or a shutdown would chase the end of the log (KAFKA-14292). */
  beginControlledShutdown(brokerId: number, offset: number): void {
    const session = this.#sessions.get(brokerId);
    if (session !== undefined && session.controlledShutdownOffset < 0) {
      session.controlledShutdownOffset = offset;
    }
  }

  /** Whether every other broker in service has read past the offset at which this broker's shutdown began. */
  othersCaughtUpWithShutdown(image: MetadataImage, brokerId: number): boolean {
    const beganAt = this.#controlledShutdownOffset(brokerId);
    for (const broker of image.brokers.values()) {
      if (broker.fenced || this.isShuttingDown(broker.id)) continue;
      const metadataOffset = this.#sessions.get(broker.id)?.metadataOffset ?? -1;
      if (metadataOffset < beganAt) return false;
    }
    return true;
  }

  #controlledShutdownOffset(brokerId: number): number {
    return this.#sessions.get(brokerId)?.controlledShutdownOffset ?? -1;
  }

  #expiryMs(broker: BrokerImage): number {
    if (this.#isDeadPredecessor(broker)) return Number.NEGATIVE_INFINITY;
    if (this.#isOwn(broker)) return Number.POSITIVE_INFINITY;
    const lastContactMs = this.#sessions.get(broker.id)?.lastContactMs;
    return lastContactMs === undefined ? Number.NEGATIVE_INFINITY : lastContactMs + this.#timeoutMs;
  }

  /**
   * Whether this is the broker in this very process, which lives since it asks. Its heartbeats can fall silent for one
   * reason only: each is answered when the log is committed so far, and the disk below the log takes its time. A record
   * that fences it would wait for the same disk, and when it comes through so does the heartbeat: all that it could do
   * is to take every partition of a healthy node out of service for a moment.
   */
  #isOwn(broker: BrokerImage): boolean {
    return broker.id === this.#own?.nodeId && broker.incarnationId === this.#own.incarnationId;
  }

  /**
   * Whether this registration is of an earlier process of the node on which this controller runs. That process is
   * gone: the lock on the log directories lets only one of a node live, and it is this one. So nobody need wait for
   * its session to end, which is what makes a lone node serve at once after kill -9; Kafka's controller answers
   * DUPLICATE_BROKER_REGISTRATION for `broker.session.timeout.ms` instead. Of other nodes a controller cannot know.
   */
  #isDeadPredecessor(broker: BrokerImage): boolean {
    return broker.id === this.#own?.nodeId && broker.incarnationId !== this.#own.incarnationId;
  }
}

/** @throws {KafkaError} STALE_BROKER_EPOCH */
export function checkBrokerEpoch(image: MetadataImage, brokerId: number, brokerEpoch: number): BrokerImage {
  const broker = image.brokers.get(brokerId);
  if (broker === undefined) {
    throw new KafkaError(
      ErrorCode.STALE_BROKER_EPOCH,
      `No broker registration found for broker id ${brokerId}`,
    );
  }
  if (broker.epoch !== brokerEpoch) {
    throw new KafkaError(
      ErrorCode.STALE_BROKER_EPOCH,
      `Expected broker epoch ${broker.epoch}, but got broker epoch ${brokerEpoch}`,
    );
  }
  return broker;
}
