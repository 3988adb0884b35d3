/**
 * The active controller: its setting up, its soft state, and everything it does on its own account.
 *
 * Always true: nothing here remembers metadata. State is the image that the driver passes in, and that is a function
 * of the log; what is kept (the broker sessions) may be lost at any moment and is made anew at activation.
 */
import { ErrorCode, KafkaError } from '../../protocol/errors.ts';
import type { MetadataRecord } from '../../protocol/records/metadata.ts';
import type { Api, RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { MetadataImage } from '../metadata/image.ts';
import { MetadataVersion } from '../metadata/metadata-version.ts';
import { activationRecords } from './activation.ts';
import { fenceStaleBroker } from './brokers.ts';
import type { Caller } from './caller.ts';
import type { CommandContext, CommandResult } from './command.ts';
import { answer } from './command.ts';
import { balanceLeaders } from './elections.ts';
import type { ControllerEnvironment } from './environment.ts';
import type { ControllerOptions, ControllerPorts } from './ports.ts';
import type { ControllerApi } from './requests.ts';
import { controllerApis } from './requests.ts';
import { BrokerSessions } from './sessions.ts';

const apisByKey: ReadonlyMap<number, ControllerApi> = new Map(
  controllerApis.map((entry) => [entry.api.key, entry]),
);

export class Controller {
  readonly #environment: ControllerEnvironment;

  constructor(options: ControllerOptions, ports: ControllerPorts) {
    const { nodeId, brokerIncarnationId } = options;
    const own = brokerIncarnationId === null ? null : { nodeId, incarnationId: brokerIncarnationId };
    const sessions = new BrokerSessions(options.brokerSessionTimeoutMs, own);
    this.#environment = { options, ports, sessions };
  }

  /** What to write on becoming active. Begins the sessions of all brokers. */
  activate(context: CommandContext, openTransaction: boolean): CommandResult<true> {
    const { sessions, options } = this.#environment;
    sessions.activate(context.image, context.nowMs);
    const records = activationRecords(context.image, openTransaction, options.bootstrapRecords);
    return { records, response: true, atomic: false };
  }

  /** Whether this API is one of the controller's. */
  serves(api: Api): boolean {
    return apisByKey.has(api.key);
  }

  /**
   * Runs one request.
   * @throws {KafkaError} when it is refused as a whole; UNSUPPORTED_VERSION for what no controller serves.
   */
  serve<A extends Api>(
    context: CommandContext,
    api: A,
    request: RequestOf<A>,
    caller: Caller,
  ): CommandResult<ResponseInput<A>> {
    const entry = apisByKey.get(api.key);
    if (entry === undefined) throw new KafkaError(ErrorCode.UNSUPPORTED_VERSION);
    return entry.serve(this.#environment, context, request, caller) as CommandResult<ResponseInput<A>>;
  }

  /** Fences the broker that has been silent longest, if its session is over. Answers its id. */
  fenceStaleBroker(context: CommandContext): CommandResult<number | null> {
    return fenceStaleBroker(this.#environment, context);
  }

  /** When the next session may end, null when none is running. */
  nextSessionExpiryMs(image: MetadataImage): number | null {
    return this.#environment.sessions.nextExpiryMs(image);
  }

  /** Gives all brokers a full session, after this process stood still. */
  renewSessions(nowMs: number): void {
    this.#environment.sessions.renewAll(nowMs);
  }

  /** Answers whether there is more to balance at once. */
  balanceLeaders(context: CommandContext): CommandResult<boolean> {
    return balanceLeaders(this.#environment, context);
  }

  /** A record that says nothing, so that replicas of an idle log can tell that they are up to date (KIP-835). */
  noOp(context: CommandContext): CommandResult<null> {
    if (context.image.metadataVersion < MetadataVersion.NO_OP_RECORD) return answer(null);
    const record: MetadataRecord = { type: 'NoOpRecord' };
    return { records: [record], response: null, atomic: false };
  }
}
