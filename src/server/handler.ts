/**
 * How one API is served: the shape every file in handlers/ has, and what it gets to know about the call.
 *
 * Always true: a handler sees one object whatever the version, gives a plain object, and touches neither bytes nor
 * sockets. Views of record batches in the request are valid only until `run` first returns, not in what it awaits.
 */
import { assert } from '../../protocol/assert.ts';
import { defaultsOf } from '../../protocol/field.ts';
import type { Api, RequestOf, ResponseInput } from '../../protocol/schema.ts';
import type { LateRead } from '../../storage/read-buffers.ts';

/** What `run` gives when the request has no answer (Produce with acks 0). */
export const NO_RESPONSE: unique symbol = Symbol('no response');

/** On which listeners an API is served: those of the broker, those of the controller, or both. */
export type Scope = 'broker' | 'controller';

/** One client connection as handlers see it. */
export interface ClientConnection {
  /** Unique in the process, never reused. */
  readonly id: number;
  readonly listenerName: string;
  /** What kind of listener it is. */
  readonly scope: Scope;
  /** The address as Java prints it; group members show it with a slash before it. */
  readonly clientAddress: string;
  /** `/127.0.0.1`: java.net.InetAddress.toString, the form in DescribeGroups and ListTransactions. */
  readonly clientHost: string;
  /** `User:ANONYMOUS`, or who has logged in. */
  principal: string;
  /** What the client said in ApiVersions 3 and above (KIP-511). */
  clientSoftwareName: string;
  clientSoftwareVersion: string;
  /** The connection has ended: nobody waits for answers. */
  readonly isClosed: boolean;
  /** Runs once when the connection has ended. */
  onClosed(action: () => void): void;
}

/** One request on its way. */
export interface Call {
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly connection: ClientConnection;
  /** Wall clock at arrival. */
  readonly nowMs: number;
  /** Whether the answer may hold memory that is filled only when it leaves, if it can't leave from the file itself. */
  readonly takesLateReads: boolean;
  /** Said before the answer is given: the memory of these reads is part of it, and not filled yet. */
  fillLate(reads: readonly LateRead[]): void;
  /** Runs `action` once, when the answer has left or never will: then its buffers may be used again. */
  afterWrite(action: () => void): void;
  /** Takes no request from this connection for this long after the answer (KIP-219). */
  mute(delayMs: number): void;
  /** Closes the connection when the answer, if any, has left. */
  closeConnection(): void;
  /**
   * Said while `run` runs: this request's effect is not complete when `run` returns, so that later ones of this
   * connection wait for its answer although their handler overlaps.
   */
  holdOthers(): void;
}

type Awaitable<T> = T | Promise<T>;

export type Run<A extends Api> = (
  request: RequestOf<A>,
  call: Call,
) => Awaitable<ResponseInput<A> | typeof NO_RESPONSE>;

/** Mirrors the request into the answer that refuses it as a whole, as getErrorResponse does in Kafka. */
export type Refuse<A extends Api> = (
  request: RequestOf<A>,
  errorCode: number,
  errorMessage: string,
) => ResponseInput<A>;

export interface HandlerOptions<A extends Api> {
  /** Default: 'broker'. */
  readonly scope?: Scope | 'both';
  /** First and last version served; by default all that the schema has. */
  readonly versions?: readonly [number, number];
  /** False for what is served though ApiVersions does not list it. */
  readonly isListed?: boolean;
  /**
   * True where the whole effect of a request is done when `run` first returns, and only its answer waits (Produce:
   * the append is synchronous, durability and replication are not). Such requests of one connection run one after
   * another without waiting for each other's answers, which still leave in order. Kafka handles even these one by
   * one; no client can tell, but for the time saved.
   */
  readonly overlaps?: boolean;
  readonly run: Run<A>;
  /** May be left out where the response has an error code at its top. */
  readonly refuse?: Refuse<A>;
}

/** A handler with its types taken off, as the dispatcher holds it. */
export interface Handler {
  readonly api: Api;
  readonly scope: Scope | 'both';
  readonly versions: readonly [number, number];
  readonly isListed: boolean;
  readonly overlaps: boolean;
  run(request: unknown, call: Call): Awaitable<object | typeof NO_RESPONSE>;
  refuse(request: unknown, errorCode: number, errorMessage: string): object;
}

/** Declares how `api` is served. */
export function handler<A extends Api>(api: A, options: HandlerOptions<A>): Handler {
  const versions = options.versions ?? api.versions;
  assert(versions[0] >= api.versions[0], 'a handler serves versions that the schema has');
  assert(versions[1] <= api.versions[1], 'a handler serves versions that the schema has');
  const refuse = options.refuse ?? refuseAtTop(api);
  return {
    api,
    scope: options.scope ?? 'broker',
    versions,
    isListed: options.isListed ?? true,
    overlaps: options.overlaps ?? false,
    run: (request, call) => options.run(request as RequestOf<A>, call),
    refuse: (request, errorCode, errorMessage) => refuse(request as RequestOf<A>, errorCode, errorMessage),
  };
}

/** A refusal for responses that carry the error at their top; everything else in them has its default. */
function refuseAtTop<A extends Api>(api: A): Refuse<A> {
  const fields = api.response;
  assert('errorCode' in fields, 'a response without an error code at its top needs a refusal of its own');
  const hasMessage = 'errorMessage' in fields;
  return (_request, errorCode, errorMessage) =>
    ({
      ...defaultsOf(fields),
      errorCode,
      ...(hasMessage ? { errorMessage } : {}),
    }) as unknown as ResponseInput<A>;
}

/** The one list of what is served, in the order of the keys. ApiVersions answers from it. */
export class HandlerTable {
  readonly handlers: readonly Handler[];
  readonly #byKey: readonly (Handler | undefined)[];

  constructor(handlers: readonly Handler[]) {
    const byKey: (Handler | undefined)[] = [];
    let last = -1;
    for (const entry of handlers) {
      assert(entry.api.key > last, 'handlers are listed once each, in the order of their keys');
      last = entry.api.key;
      byKey[last] = entry;
    }
    this.handlers = handlers;
    this.#byKey = byKey;
  }

  /** The handler of `key` on listeners of `scope`. */
  find(key: number, scope: Scope): Handler | undefined {
    const found = this.#byKey[key];
    return found === undefined || (found.scope !== 'both' && found.scope !== scope) ? undefined : found;
  }

  /** What ApiVersions lists on listeners of `scope`. */
  listed(scope: Scope): readonly Handler[] {
    return this.handlers.filter(
      (entry) => entry.isListed && (entry.scope === 'both' || entry.scope === scope),
    );
  }
}

/** Checks and indexes the list of handlers. */
export const register = (handlers: readonly Handler[]): HandlerTable => new HandlerTable(handlers);
