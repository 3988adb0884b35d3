/**
 * What the network layer and the protocol above it agree on. The server implements `Session`, the network gives it
 * a `Channel`; neither imports the other's implementation.
 */

/**
 * A complete response with its size prefix, in chunks that are written as they are and must not be changed afterwards;
 * 'none' for a request without an answer (Produce with acks 0); 'close' to close the connection after the answers
 * already given, the only way in which Kafka answers garbage.
 */
export type Reply = readonly Buffer[] | 'none' | 'close';

/** A chunk of an answer that still lies in a file. Its bytes are not in `target` until `fill` has put them there. */
export interface LateChunk {
  readonly target: Buffer;
  /** Where in the file it begins. */
  readonly position: number;
  /** The file's descriptor, good until `release`. */
  descriptor(): number;
  /** Puts the bytes from `from` on into `target`. @throws when they can't be had. */
  fill(from: number): void;
  /** Said once the bytes were sent or filled, or are not needed: the file may be closed. */
  release(): void;
}

/** One request on its way through the session. */
export interface Exchange {
  /** Whether large chunks may be given late. */
  readonly takesLateChunks: boolean;
  /** Said before the answer: these of its chunks are not filled yet. */
  fillLate(chunks: readonly LateChunk[]): void;
  /** Runs `action` exactly once: when the answer has left, or never will. */
  afterWrite(action: () => void): void;
  /** Closes the connection when the answer has left (a failed login is answered, then the connection ends). */
  closeAfterReply(): void;
  /** Said before `receive` returns: this request does not overlap after all, its effect is still to come. */
  holdOthers(): void;
}

/** The protocol's side of one connection. */
export interface Session {
  /**
   * Handles one request frame, without its size prefix, and gives the answer or its promise.
   *
   * `frame` is borrowed: it and all views of it are valid only until this returns, not until the promise settles.
   * The next frame is handed over only after the answer, as Kafka mutes the channel of a request in progress, unless
   * both overlap. A rejected promise or an exception closes the connection.
   */
  receive(frame: Buffer, exchange: Exchange): Reply | Promise<Reply>;
  /**
   * Whether the request at `offset` of `buffer` may be handed over while others of which the same was said are still
   * unanswered: those whose effect is complete when `receive` returns, so that only their answers wait. Answers leave
   * in order all the same.
   */
  overlaps(buffer: Buffer, offset: number): boolean;
  /** The connection is gone; called once. A promise still pending is not waited for. */
  closed(): void;
}

/** The network's side of one connection. */
export interface Channel {
  /** Unique in the process, never reused. */
  readonly id: number;
  readonly listenerName: string;
  /** As Java prints it, without a slash. */
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly localHost: string;
  readonly localPort: number;
  readonly isClosed: boolean;
  /** Hands over no request for this long (KIP-219), counted from now; the answer given meanwhile still leaves. */
  mute(delayMs: number): void;
  /** Closes at once. */
  destroy(): void;
}
