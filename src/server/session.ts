/**
 * One connection's side of the protocol: header, handler, answer.
 *
 * Always true: what can't be read closes this connection and no other; a handler's KafkaError becomes the refusal of
 * that API, any other exception is a bug of ours, logged, and answered with UNKNOWN_SERVER_ERROR; an ApiVersions
 * request is answered whatever its version (KIP-511).
 */

import { decodeRequest } from '../../protocol/codec.ts';
import { ErrorCode, errorMessage, KafkaError, MalformedMessage } from '../../protocol/errors.ts';
import { decodeRequestHeader, encodeResponseFrame } from '../../protocol/frame.ts';
import { ApiVersions } from '../../protocol/messages/api-versions.ts';
import type { Api, Fields, ResponseInput } from '../../protocol/schema.ts';
import type { LateRead } from '../../storage/read-buffers.ts';
import type { Call, ClientConnection, Handler, HandlerTable, Scope } from './handler.ts';
import { NO_RESPONSE } from './handler.ts';

/** As the network layer takes it: a whole response frame in chunks, none, or the end of the connection. */
export type Reply = readonly Buffer[] | 'none' | 'close';

/** What a session needs of the network's side of its connection. */
export interface SessionChannel {
  readonly id: number;
  readonly listenerName: string;
  readonly remoteHost: string;
  mute(delayMs: number): void;
}

/** What a session needs of the network's side of one request. */
export interface SessionExchange {
  readonly takesLateChunks: boolean;
  fillLate(chunks: readonly LateRead[]): void;
  afterWrite(action: () => void): void;
  closeAfterReply(): void;
  holdOthers(): void;
}

/** What the server logs through; pino's loggers satisfy it. */
export interface ServerLog {
  debug(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface SessionOptions {
  readonly handlers: HandlerTable;
  readonly scope: Scope;
  /** Wall clock. */
  readonly nowMs: () => number;
  readonly log: ServerLog;
  /** How long the client must pause after this answer, in ms; quotas. 0 or absent: not at all. */
  readonly throttle?: (handler: Handler, call: Call, response: object) => number;
}

/** The types of one API's response were checked where its handler was declared. */
type AnyResponse = ResponseInput<Api>;
type Outcome = object | typeof NO_RESPONSE;

class SessionConnection implements ClientConnection {
  readonly id: number;
  readonly listenerName: string;
  readonly scope: Scope;
  readonly clientAddress: string;
  readonly clientHost: string;
  principal = 'User:ANONYMOUS';
  clientSoftwareName = 'unknown';
  clientSoftwareVersion = 'unknown';
  isClosed = false;
  #closed: (() => void)[] = [];

  constructor(channel: SessionChannel, scope: Scope) {
    this.id = channel.id;
    this.scope = scope;
    this.listenerName = channel.listenerName;
    this.clientAddress = channel.remoteHost;
    this.clientHost = `/${channel.remoteHost}`;
  }

  onClosed(action: () => void): void {
    this.#closed.push(action);
  }

  close(): void {
    this.isClosed = true;
    const actions = this.#closed;
    this.#closed = [];
    for (const action of actions) action();
  }
}

class SessionCall implements Call {
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly connection: ClientConnection;
  readonly nowMs: number;
  readonly #channel: SessionChannel;
  readonly #exchange: SessionExchange;

  constructor(
    version: number,
    correlationId: number,
    clientId: string | null,
    connection: ClientConnection,
    nowMs: number,
    channel: SessionChannel,
    exchange: SessionExchange,
  ) {
    this.version = version;
    this.correlationId = correlationId;
    this.clientId = clientId;
    this.connection = connection;
    this.nowMs = nowMs;
    this.#channel = channel;
    this.#exchange = exchange;
  }

  get takesLateReads(): boolean {
    return this.#exchange.takesLateChunks;
  }

  fillLate(reads: readonly LateRead[]): void {
    this.#exchange.fillLate(reads);
  }

  afterWrite(action: () => void): void {
    this.#exchange.afterWrite(action);
  }

  mute(delayMs: number): void {
    this.#channel.mute(delayMs);
  }

  closeConnection(): void {
    this.#exchange.closeAfterReply();
  }

  holdOthers(): void {
    this.#exchange.holdOthers();
  }
}

export class Session {
  readonly #options: SessionOptions;
  readonly #channel: SessionChannel;
  readonly #connection: SessionConnection;

  constructor(options: SessionOptions, channel: SessionChannel) {
    this.#options = options;
    this.#channel = channel;
    this.#connection = new SessionConnection(channel, options.scope);
  }

  closed(): void {
    this.#connection.close();
  }

  /** Whether the request may run before earlier ones of its kind are answered; see Session in net/session.ts. */
  overlaps(buffer: Buffer, offset: number): boolean {
    if (buffer.length - offset < 2) return false;
    return this.#options.handlers.find(buffer.readInt16BE(offset), this.#options.scope)?.overlaps ?? false;
  }

  /** Handles one request frame; see Session in net/session.ts. */
  receive(frame: Buffer, exchange: SessionExchange): Reply | Promise<Reply> {
    let handler: Handler | undefined;
    let request: unknown;
    let call: SessionCall;
    try {
      const header = decodeRequestHeader(frame);
      const { apiVersion, correlationId } = header;
      handler = this.#options.handlers.find(header.api.key, this.#options.scope);
      if (handler === undefined || apiVersion < handler.versions[0] || apiVersion > handler.versions[1]) {
        return this.#refuseUnserved(header.api.key, apiVersion, correlationId, handler);
      }
      request = decodeRequest(handler.api, apiVersion, frame, header.bodyOffset).value;
      const nowMs = this.#options.nowMs();
      call = new SessionCall(
        apiVersion,
        correlationId,
        header.clientId,
        this.#connection,
        nowMs,
        this.#channel,
        exchange,
      );
    } catch (error) {
      return this.#refuseUnreadable(frame, error);
    }
    return this.#run(handler, request, call);
  }

  #run(handler: Handler, request: unknown, call: SessionCall): Reply | Promise<Reply> {
    let outcome: Outcome | Promise<Outcome>;
    try {
      outcome = handler.run(request, call);
    } catch (error) {
      outcome = this.#refusal(handler, request, call, error);
    }
    if (!(outcome instanceof Promise)) return this.#answer(handler, request, call, outcome);
    return outcome.then(
      (settled) => this.#answer(handler, request, call, settled),
      (error: unknown) => this.#answer(handler, request, call, this.#refusal(handler, request, call, error)),
    );
  }

  #answer(handler: Handler, request: unknown, call: SessionCall, outcome: Outcome): Reply {
    if (outcome === NO_RESPONSE) return 'none';
    const { version, correlationId } = call;
    try {
      return encodeResponseFrame(
        handler.api,
        version,
        correlationId,
        this.#throttled(handler, call, outcome),
      );
    } catch (error) {
      const refusal = this.#refusal(handler, request, call, error);
      return encodeResponseFrame(handler.api, version, correlationId, refusal as AnyResponse);
    }
  }

  /** Quotas (KIP-219): the answer tells the client how long to wait, and the channel is muted as long. */
  #throttled(handler: Handler, call: SessionCall, response: object): AnyResponse {
    const throttleTimeMs = this.#options.throttle?.(handler, call, response) ?? 0;
    if (throttleTimeMs <= 0) return response as AnyResponse;
    call.mute(throttleTimeMs);
    const told = 'throttleTimeMs' in handler.api.response ? { ...response, throttleTimeMs } : response;
    return told as AnyResponse;
  }

  #refusal(handler: Handler, request: unknown, call: SessionCall, error: unknown): object {
    const { version, clientId } = call;
    const { response } = handler.api;
    if (error instanceof KafkaError) {
      return inVersion(response, version, handler.refuse(request, error.code, error.message));
    }
    const place = { api: handler.api.name, version, clientId, connection: call.connection.id };
    this.#options.log.error({ ...place, err: error }, 'request failed unexpectedly');
    const code = ErrorCode.UNKNOWN_SERVER_ERROR;
    return inVersion(response, version, handler.refuse(request, code, errorMessage(code)));
  }

  /** An API or version that is not served here: the connection ends, except for ApiVersions. */
  #refuseUnserved(key: number, version: number, correlationId: number, handler: Handler | undefined): Reply {
    if (key === ApiVersions.key && handler !== undefined) {
      const [minVersion, maxVersion] = handler.versions;
      return encodeResponseFrame(ApiVersions, 0, correlationId, {
        errorCode: ErrorCode.UNSUPPORTED_VERSION,
        apiKeys: [{ apiKey: key, minVersion, maxVersion }],
        throttleTimeMs: 0,
      });
    }
    const { listenerName, clientAddress } = this.#connection;
    this.#options.log.debug(
      { listener: listenerName, client: clientAddress, apiKey: key, version },
      'request for an API or version that is not served: connection closed',
    );
    return 'close';
  }

  #refuseUnreadable(frame: Buffer, error: unknown): Reply {
    const { listenerName, clientAddress } = this.#connection;
    const place = { listener: listenerName, client: clientAddress, frameBytes: frame.length };
    if (error instanceof MalformedMessage || error instanceof KafkaError) {
      this.#options.log.debug({ ...place, reason: error.message }, 'unreadable request: connection closed');
    } else {
      this.#options.log.error({ ...place, err: error }, 'request failed unexpectedly while it was read');
    }
    return 'close';
  }
}

/** A refusal names the error wherever some version has a place for it; this leaves the places that `version` has. */
function inVersion(fields: Fields, version: number, refusal: object): object {
  return Object.fromEntries(
    Object.entries(refusal).filter(([name]) => {
      const field = fields[name];
      return field !== undefined && field.since <= version && version <= field.until;
    }),
  );
}
