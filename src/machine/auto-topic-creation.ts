/**
 * Topics made on first use: those that clients name when auto-creation is on, and the internal ones.
 * See kafka.server.AutoTopicCreationManager.
 *
 * What is always true: a topic whose creation is under way is not asked for again.
 */
import { ErrorCode, errorName, KafkaError } from '../../protocol/errors.ts';
import { CreateTopics } from '../../protocol/messages/create-topics.ts';
import type { RequestOf } from '../../protocol/schema.ts';
import type { ControllerChannel } from './controller-channel.ts';

export type CreatableTopic = RequestOf<typeof CreateTopics>['topics'][number];

export interface AutoTopicCreationOptions {
  readonly channel: ControllerChannel;
  readonly requestTimeoutMs: number;
  /** What a topic of this name is created with. */
  readonly topicOf: (name: string) => CreatableTopic;
  /** Told of failures that a retry of the client alone would hide. */
  readonly onFailure: (name: string, reason: string) => void;
}

export class AutoTopicCreation {
  readonly #options: AutoTopicCreationOptions;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(options: AutoTopicCreationOptions) {
    this.#options = options;
  }

  /** Creates what nobody is creating yet. Resolves when all of the topics serve or have failed to be made. */
  async create(names: readonly string[]): Promise<void> {
    const missing = names.filter((name) => !this.#underWay.has(name));
    const others = new Set(names.flatMap((name) => this.#underWay.get(name) ?? []));
    await Promise.all([this.#createOrReport(missing), Promise.allSettled(others)]);
  }

  async #createOrReport(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    try {
      await this.createNow(names);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      for (const name of names) this.#options.onFailure(name, errorName(error.code));
    }
  }

  /**
   * Creates the topics and resolves when they serve; one that exists by then is no failure.
   * @throws {KafkaError} when the controller refuses the whole request or can't be reached.
   */
  createNow(names: readonly string[]): Promise<void> {
    const done = this.#request(names).finally(() => {
      for (const name of names) this.#underWay.delete(name);
    });
    for (const name of names) this.#underWay.set(name, done);
    return done;
  }

  async #request(names: readonly string[]): Promise<void> {
    const { channel, requestTimeoutMs, topicOf, onFailure } = this.#options;
    const response = await channel.request(
      CreateTopics,
      { topics: names.map(topicOf), timeoutMs: requestTimeoutMs, validateOnly: false },
      { version: CreateTopics.versions[1], clientId: null, principal: 'User:ANONYMOUS' },
    );
    for (const { name, errorCode } of response.topics) {
      const isThere = errorCode === ErrorCode.NONE || errorCode === ErrorCode.TOPIC_ALREADY_EXISTS;
      if (!isThere) onFailure(name, errorName(errorCode));
    }
  }
}
