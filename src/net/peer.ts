/**
 * A connection of ours to another broker or controller: requests out, answers matched by correlation id.
 *
 * Always true: every promise that `send` gave settles, at the latest when the connection ends; answers come in the
 * order of the requests, as Kafka gives them; a decoded answer owns its bytes. Connecting again is the caller's
 * decision: a peer that has closed stays closed.
 */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { decodeResponse } from '../../protocol/codec.ts';
import { decodeResponseHeader, encodeRequestFrame } from '../../protocol/frame.ts';
import type { Api, RequestInput, ResponseOf } from '../../protocol/schema.ts';

const SIZE_BYTES = 4;

export interface PeerOptions {
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  readonly connectTimeoutMs?: number;
  /** An answer that takes longer ends the connection: nothing behind it could be trusted to come in time. */
  readonly requestTimeoutMs?: number;
  /** Answers above this end the connection. */
  readonly maxResponseBytes?: number;
  /** Turns the connected socket into the one to talk through, for instance by a TLS handshake. */
  readonly secure?: (socket: Socket) => Promise<Socket>;
}

/** The peer can't be reached, or has gone before it answered. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
}

interface Pending {
  readonly api: Api;
  readonly version: number;
  readonly correlationId: number;
  readonly resolve: (response: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class Peer {
  readonly host: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #clientId: string;
  readonly #maxResponseBytes: number;
  readonly #pending: Pending[] = [];
  #correlationId = 0;
  #chunks: Buffer[] = [];
  #chunkBytes = 0;
  #neededBytes = SIZE_BYTES;
  #failure: PeerError | null = null;

  private constructor(socket: Socket, options: PeerOptions) {
    this.host = options.host;
    this.port = options.port;
    this.#socket = socket;
    this.#clientId = options.clientId;
    this.#maxResponseBytes = options.maxResponseBytes ?? 1024 * 1024 * 1024;
    socket.setTimeout(options.requestTimeoutMs ?? 30_000);
    socket.on('timeout', () => {
      if (this.#pending.length > 0) this.#fail('did not answer in time');
    });
    socket.on('data', (chunk) => this.#received(chunk));
    socket.on('error', (cause) => this.#fail('connection failed', cause));
    socket.on('close', () => this.#fail('connection was closed'));
  }

  /** @throws {PeerError} when the peer can't be reached in time. */
  static async connect(options: PeerOptions): Promise<Peer> {
    const plain = await connected(options);
    try {
      return new Peer((await options.secure?.(plain)) ?? plain, options);
    } catch (cause) {
      plain.destroy();
      throw new PeerError(`${options.host}:${options.port}: handshake failed`, { cause });
    }
  }

  get isClosed(): boolean {
    return this.#failure !== null;
  }

  /**
   * Sends a request and gives its answer.
   * @throws {PeerError} when the connection ends first.
   */
  send<A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<ResponseOf<A>> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const correlationId = this.#correlationId;
    this.#correlationId = (correlationId + 1) & 0x7fff_ffff;
    return new Promise<ResponseOf<A>>((resolve, reject) => {
      const chunks = encodeRequestFrame(api, version, { correlationId, clientId: this.#clientId }, request);
      const settle = resolve as (response: unknown) => void;
      this.#pending.push({ api, version, correlationId, resolve: settle, reject });
      this.#socket.cork();
      for (const chunk of chunks) this.#socket.write(chunk);
      // Requests of one turn leave together.
      process.nextTick(() => this.#socket.uncork());
    });
  }

  close(): void {
    this.#fail('connection was closed by this side');
  }

  #received(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
    if (this.#chunkBytes < this.#neededBytes) return;
    // Joined once per frame, not once per chunk.
    let bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    while (this.#failure === null && bytes.length >= SIZE_BYTES) {
      const size = bytes.readInt32BE(0);
      if (size < 0 || size > this.#maxResponseBytes) {
        this.#fail('sent an answer of impossible size');
        return;
      }
      const end = SIZE_BYTES + size;
      this.#neededBytes = end;
      if (bytes.length < end) break;
      this.#answered(bytes.subarray(SIZE_BYTES, end));
      bytes = bytes.subarray(end);
      this.#neededBytes = SIZE_BYTES;
    }
    this.#chunks = bytes.length === 0 ? [] : [bytes];
    this.#chunkBytes = bytes.length;
  }

  /** The frame is a view of a chunk that nobody writes again, so that records may be kept as views of it. */
  #answered(frame: Buffer): void {
    const pending = this.#pending.shift();
    if (pending === undefined) {
      this.#fail('sent an answer to no request');
      return;
    }
    const { api, version } = pending;
    try {
      const { correlationId, bodyOffset } = decodeResponseHeader(api, version, frame);
      if (correlationId !== pending.correlationId) throw new PeerError('answers came out of order');
      pending.resolve(decodeResponse(api, version, frame, bodyOffset).value);
    } catch (cause) {
      pending.reject(new PeerError(this.#place('sent an unreadable answer'), { cause }));
      this.#fail('sent an unreadable answer', cause);
    }
  }

  #place(what: string): string {
    return `${this.host}:${this.port}: ${what}`;
  }

  #fail(what: string, cause?: unknown): void {
    if (this.#failure !== null) return;
    const failure = new PeerError(this.#place(what), { cause });
    this.#failure = failure;
    this.#socket.destroy();
    for (const pending of this.#pending.splice(0)) pending.reject(failure);
  }
}

function connected({ host, port, connectTimeoutMs = 10_000 }: PeerOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    const timer = setTimeout(() => {
      socket.destroy(new Error('connecting took too long'));
    }, connectTimeoutMs);
    const onError = (cause: Error) => {
      clearTimeout(timer);
      reject(new PeerError(`${host}:${port}: can't connect`, { cause }));
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', onError);
      resolve(socket);
    });
  });
}
