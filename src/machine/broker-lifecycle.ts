/**
 * The life of a broker as the controller sees it: registration, heartbeats, unfencing, controlled shutdown.
 * See kafka.server.BrokerLifecycleManager and KIP-631.
 *
 * What is always true: one heartbeat at most is under way; the broker asks to be unfenced only after `becomeReady`;
 * after `stop` no request is sent any more.
 */
import { ErrorCode, errorName, KafkaError } from '../../protocol/errors.ts';
import { BrokerHeartbeat } from '../../protocol/messages/broker-heartbeat.ts';
import { BrokerRegistration } from '../../protocol/messages/broker-registration.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import type { Uuid } from '../../protocol/uuid.ts';
import type { Cancel, Clock, Timer } from '../../storage/clock.ts';
import type { ControllerChannel, RequestContext } from './controller-channel.ts';

const RETRY_MS = 100;
const NO_EPOCH = -1;

export interface BrokerLifecycleOptions {
  readonly nodeId: number;
  readonly clusterId: string;
  /** New at every start of the process. */
  readonly incarnationId: Uuid;
  readonly listeners: RequestOf<typeof BrokerRegistration>['listeners'];
  readonly features: RequestOf<typeof BrokerRegistration>['features'];
  readonly rack: string | null;
  readonly logDirs: readonly Uuid[];
  /** Epoch of the former life, from the clean-shutdown marker; -1 when it did not end cleanly. */
  readonly previousBrokerEpoch: number;
  readonly heartbeatIntervalMs: number;
  readonly registrationTimeoutMs: number;
  readonly channel: ControllerChannel;
  readonly clock: Clock;
  readonly timer: Timer;
  /** How far this broker has applied the metadata log. */
  readonly metadataOffset: () => number;
  readonly offlineLogDirs: () => readonly Uuid[];
}

const CONTEXT: RequestContext = { version: 0, clientId: null, principal: 'User:ANONYMOUS' };

export class BrokerLifecycle {
  readonly #options: BrokerLifecycleOptions;
  #epoch = NO_EPOCH;
  #wantFence = true;
  #wantShutDown = false;
  #isFenced = true;
  #mayShutDown = false;
  #isStopped = false;
  #isSending = false;
  #cancelNext: Cancel = () => undefined;
  #onChange: Array<() => void> = [];

  constructor(options: BrokerLifecycleOptions) {
    this.#options = options;
  }

  /** Offset of this incarnation's registration record; -1 before. */
  get epoch(): number {
    return this.#epoch;
  }

  get isFenced(): boolean {
    return this.#isFenced;
  }

  /** Registers, asking again until the controller is there; rejects when it refuses or the time is over. */
  async register(): Promise<void> {
    const { clock, registrationTimeoutMs } = this.#options;
    const deadlineMs = clock.monotonicMs() + registrationTimeoutMs;
    while (!this.#isStopped) {
      const errorCode = await this.#tryRegister();
      if (errorCode === ErrorCode.NONE) {
        this.#heartbeat();
        return;
      }
      if (!isTransient(errorCode) || clock.monotonicMs() > deadlineMs) {
        throw new KafkaError(errorCode, `The controller refused the registration: ${errorName(errorCode)}.`);
      }
      await this.#pause(RETRY_MS);
    }
  }

  async #tryRegister(): Promise<number> {
    const {
      nodeId,
      clusterId,
      incarnationId,
      listeners,
      features,
      rack,
      logDirs,
      previousBrokerEpoch,
      channel,
    } = this.#options;
    try {
      const response = await channel.request(
        BrokerRegistration,
        {
          brokerId: nodeId,
          clusterId,
          incarnationId,
          listeners,
          features,
          rack,
          isMigratingZkBroker: false,
          logDirs,
          previousBrokerEpoch,
        },
        CONTEXT,
      );
      if (response.errorCode === ErrorCode.NONE) this.#epoch = response.brokerEpoch ?? NO_EPOCH;
      return response.errorCode;
    } catch (error) {
      if (error instanceof KafkaError) return error.code;
      throw error;
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.timer.after(delayMs, resolve);
    });
  }

  /** Asks to be unfenced, and resolves once the controller has done so. */
  async becomeReady(): Promise<void> {
    this.#wantFence = false;
    this.#heartbeat();
    await this.#until(() => !this.#isFenced);
  }

  /** Something that heartbeats tell has changed: the next leaves now. */
  reportNow(): void {
    this.#heartbeat();
  }

  /** Controlled shutdown: resolves once the controller has moved away what this broker led. */
  async shutDown(): Promise<void> {
    if (this.#epoch === NO_EPOCH) return;
    this.#wantShutDown = true;
    this.#heartbeat();
    await this.#until(() => this.#mayShutDown);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelNext();
    for (const look of this.#onChange.splice(0)) look();
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.#isStopped) {
      await new Promise<void>((resolve) => {
        this.#onChange.push(resolve);
      });
    }
  }

  /** Sends a heartbeat now, and from then on at intervals; at once again while the broker wants something. */
  #heartbeat(): void {
    if (this.#isSending || this.#isStopped || this.#epoch === NO_EPOCH) return;
    this.#isSending = true;
    this.#cancelNext();
    this.#beat().then(
      (delayMs) => this.#scheduleNext(delayMs),
      (error: unknown) => {
        throw error;
      },
    );
  }

  async #beat(): Promise<number> {
    try {
      return await this.#send();
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      return isForgotten(error.code) ? await this.#forgotten() : RETRY_MS;
    }
  }

  #scheduleNext(delayMs: number): void {
    this.#isSending = false;
    if (this.#isStopped) return;
    this.#cancelNext = this.#options.timer.after(delayMs, () => this.#heartbeat());
  }

  /** Sends one heartbeat and gives the time until the next. */
  async #send(): Promise<number> {
    const { nodeId, channel, metadataOffset, offlineLogDirs } = this.#options;
    const wanted = { fence: this.#wantFence, shutDown: this.#wantShutDown };
    const response = await channel.request(
      BrokerHeartbeat,
      {
        brokerId: nodeId,
        brokerEpoch: this.#epoch,
        currentMetadataOffset: metadataOffset(),
        wantFence: wanted.fence,
        wantShutDown: wanted.shutDown,
        offlineLogDirs: offlineLogDirs(),
      },
      CONTEXT,
    );
    if (isForgotten(response.errorCode)) return await this.#forgotten();
    if (response.errorCode !== ErrorCode.NONE) return RETRY_MS;
    this.#isFenced = response.isFenced ?? true;
    this.#mayShutDown = response.shouldShutDown;
    for (const look of this.#onChange.splice(0)) look();
    if (wanted.fence !== this.#wantFence || wanted.shutDown !== this.#wantShutDown) return 0;
    const isWaiting = (!this.#wantFence && this.#isFenced) || (this.#wantShutDown && !this.#mayShutDown);
    return isWaiting ? RETRY_MS : this.#options.heartbeatIntervalMs;
  }

  /**
   * Somebody unregistered this broker although it lives. Kafka's stays out of service until it is started again; ours
   * registers again, unless it is about to stop: then nothing of it is left to move away.
   */
  async #forgotten(): Promise<number> {
    this.#isFenced = true;
    if (this.#wantShutDown) {
      this.#mayShutDown = true;
      for (const look of this.#onChange.splice(0)) look();
      return RETRY_MS;
    }
    const errorCode = await this.#tryRegister();
    return errorCode === ErrorCode.NONE ? 0 : RETRY_MS;
  }
}

/** The controller knows nothing of this life of the broker: it was unregistered, or registered anew. */
const isForgotten = (errorCode: number): boolean =>
  errorCode === ErrorCode.BROKER_ID_NOT_REGISTERED || errorCode === ErrorCode.STALE_BROKER_EPOCH;

/** What goes away by itself: an election, or a controller that still knows a former life of this broker. */
function isTransient(errorCode: number): boolean {
  return (
    errorCode === ErrorCode.NOT_CONTROLLER ||
    errorCode === ErrorCode.BROKER_NOT_AVAILABLE ||
    errorCode === ErrorCode.REQUEST_TIMED_OUT ||
    errorCode === ErrorCode.DUPLICATE_BROKER_REGISTRATION
  );
}
