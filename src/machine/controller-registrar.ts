/**
 * Keeps this node's controller registered in the metadata log, so that the active controller knows which listeners
 * and features every voter has (KIP-919, kafka.server.ControllerRegistrationManager).
 *
 * What is always true: one request at most is under way; nothing is sent before `start`, after `stop`, or while the
 * metadata.version does not know the record.
 */
import { KafkaError } from '../../protocol/errors.ts';
import { ControllerRegistration } from '../../protocol/messages/controller-registration.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import type { Cancel, Timer } from '../../storage/clock.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { MetadataVersion } from '../metadata/metadata-version.ts';
import type { ControllerChannel, RequestContext } from './controller-channel.ts';

const RETRY_MS = 100;
const CONTEXT: RequestContext = { version: 0, clientId: null, principal: 'User:ANONYMOUS' };

type Registration = RequestOf<typeof ControllerRegistration>;
export type RegisteredListener = Registration['listeners'][number];

export interface ControllerRegistrarOptions {
  readonly channel: ControllerChannel;
  readonly timer: Timer;
  readonly image: () => MetadataImage;
}

export class ControllerRegistrar {
  readonly #options: ControllerRegistrarOptions;
  /** Null before `start` and after `stop`. */
  #registration: Registration | null = null;
  #isSending = false;
  #cancelRetry: Cancel = () => undefined;

  constructor(options: ControllerRegistrarOptions) {
    this.#options = options;
  }

  start(registration: Registration): void {
    this.#registration = registration;
    this.imageChanged();
  }

  stop(): void {
    this.#registration = null;
    this.#cancelRetry();
  }

  /** Registers again where the log names another incarnation, or for the first time where it could not before. */
  imageChanged(): void {
    const registration = this.#registration;
    if (registration === null || this.#isSending || this.#isKnown(registration)) return;
    if (this.#options.image().metadataVersion < MetadataVersion.CONTROLLER_REGISTRATION) return;
    this.#cancelRetry();
    this.#isSending = true;
    void this.#send(registration);
  }

  #isKnown({ controllerId, incarnationId }: Registration): boolean {
    return this.#options.image().controllers.get(controllerId)?.incarnationId === incarnationId;
  }

  async #send(registration: Registration): Promise<void> {
    const { channel, timer } = this.#options;
    try {
      await channel.request(ControllerRegistration, registration, CONTEXT);
    } catch (error) {
      // No active controller for the moment, or one that is older than this node: asked again.
      if (!(error instanceof KafkaError)) throw error;
    } finally {
      this.#isSending = false;
      this.#cancelRetry = timer.after(RETRY_MS, () => this.imageChanged());
    }
  }
}
