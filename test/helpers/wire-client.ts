/**
 * A small Kafka client for tests: one connection, typed requests, and raw bytes where a test needs to be rude.
 *
 * Requests may be pipelined; answers come in order. Decoded records are views of a buffer that stays as it is.
 */
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { decodeResponse } from '../../protocol/codec.ts';
import { decodeResponseHeader, encodeRequestFrame } from '../../protocol/frame.ts';
import type { Api, RequestInput, ResponseOf } from '../../protocol/schema.ts';

interface Waiter {
  resolve(frame: Buffer): void;
  reject(error: Error): void;
}

export class WireClient {
  readonly socket: Socket;
  /** Resolves when the broker has ended the connection. */
  readonly closed: Promise<void>;
  clientId: string | null = 'wire-client';
  #correlationId = 0;
  #received: Buffer = Buffer.alloc(0);
  #frames: Buffer[] = [];
  #waiters: Waiter[] = [];
  #isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      const onEnd = () => {
        this.#isClosed = true;
        for (const waiter of this.#waiters.splice(0))
          waiter.reject(new Error('the broker closed the connection'));
        resolve();
      };
      socket.on('end', onEnd);
      socket.on('close', onEnd);
    });
    socket.on('error', () => {});
    socket.on('data', (chunk) => this.#onData(chunk));
  }

  static connect(port: number, host = '127.0.0.1'): Promise<WireClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, noDelay: true }, () => {
        socket.off('error', reject);
        resolve(new WireClient(socket));
      });
      socket.once('error', reject);
    });
  }

  /** Sends a request and gives its decoded answer; rejects when the broker closes the connection instead. */
  async send<A extends Api>(api: A, version: number, request: RequestInput<A>): Promise<ResponseOf<A>> {
    const correlationId = this.post(api, version, request);
    const frame = await this.nextFrame();
    const header = decodeResponseHeader(api, version, frame);
    if (header.correlationId !== correlationId) {
      throw new Error(`answer to request ${header.correlationId} instead of ${correlationId}`);
    }
    return decodeResponse(api, version, frame, header.bodyOffset).value;
  }

  /** Sends a request without waiting for an answer, and gives its correlation id. */
  post<A extends Api>(api: A, version: number, request: RequestInput<A>): number {
    const correlationId = this.#correlationId++;
    const { clientId } = this;
    this.sendBytes(Buffer.concat(encodeRequestFrame(api, version, { correlationId, clientId }, request)));
    return correlationId;
  }

  /** Sends bytes as they are. */
  sendBytes(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Sends a frame: the size, then `body`. */
  sendFrame(body: Uint8Array): void {
    const size = Buffer.alloc(4);
    size.writeInt32BE(body.length);
    this.sendBytes(Buffer.concat([size, body]));
  }

  /** The next response frame without its size; rejects when the connection has ended. */
  nextFrame(): Promise<Buffer> {
    const frame = this.#frames.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    if (this.#isClosed) return Promise.reject(new Error('the broker closed the connection'));
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  close(): void {
    this.socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0);
      if (this.#received.length < end) return;
      const frame = this.#received.subarray(4, end);
      this.#received = this.#received.subarray(end);
      const waiter = this.#waiters.shift();
      if (waiter === undefined) this.#frames.push(frame);
      else waiter.resolve(frame);
    }
  }
}
