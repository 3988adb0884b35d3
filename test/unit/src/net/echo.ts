/** A network whose sessions answer by rule, and a raw client, for the tests of this folder. */

import type { Socket } from 'node:net';
import { connect } from 'node:net';
import type { ListenerOptions } from '../../../../src/net/listener.ts';
import type { NetworkOptions } from '../../../../src/net/network.ts';
import { Network } from '../../../../src/net/network.ts';
import type { Channel, Exchange, Reply, Session } from '../../../../src/net/session.ts';

export type Handle = (frame: Buffer, channel: Channel, exchange: Exchange) => Reply | Promise<Reply>;

/** Frames that begin with this byte overlap. */
const OVERLAPPING = 'o'.charCodeAt(0);

/** A size-prefixed copy of `body`. */
export const framed = (body: Buffer | string): Buffer => {
  const bytes = Buffer.from(body as string);
  const frame = Buffer.alloc(4 + bytes.length);
  frame.writeInt32BE(bytes.length);
  bytes.copy(frame, 4);
  return frame;
};

export const echo: Handle = (frame) => [framed(frame)];

export interface TestServer {
  readonly network: Network;
  readonly port: number;
  readonly closed: string[];
  stop(): Promise<void>;
}

export async function serve(
  handle: Handle,
  options: NetworkOptions & { listener?: Partial<ListenerOptions> } = {},
): Promise<TestServer> {
  const closed: string[] = [];
  const network = new Network({
    isPoisoned: true,
    onClose: (_connection, reason) => closed.push(reason),
    ...options,
  });
  const open = (channel: Channel): Session => ({
    receive: (frame, exchange) => handle(frame, channel, exchange),
    overlaps: (buffer, offset) => buffer[offset] === OVERLAPPING,
    closed: () => {},
  });
  const listener = await network.listen({
    name: 'TEST',
    host: '127.0.0.1',
    port: 0,
    maxRequestBytes: 100 * 1024 * 1024,
    open,
    ...options.listener,
  });
  return { network, port: listener.port, closed, stop: () => network.close() };
}

/** A client that sends bytes and takes frames one by one. */
export class RawClient {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  #received: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('error', () => {});
    const onEnd = () => {
      this.#isClosed = true;
      this.#wake();
    };
    socket.on('end', onEnd);
    socket.on('close', onEnd);
  }

  static connect(port: number, host = '127.0.0.1'): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, noDelay: true, allowHalfOpen: true }, () =>
        resolve(new RawClient(socket)),
      );
      socket.once('error', reject);
    });
  }

  send(...frames: (Buffer | string)[]): void {
    this.socket.write(Buffer.concat(frames.map(framed)));
  }

  /** The next frame; null when the server has closed the connection. */
  async next(): Promise<Buffer | null> {
    for (;;) {
      if (this.#received.length >= 4) {
        const end = 4 + this.#received.readInt32BE(0);
        if (this.#received.length >= end) {
          const frame = this.#received.subarray(4, end);
          this.#received = this.#received.subarray(end);
          return frame;
        }
      }
      if (this.#isClosed) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async text(): Promise<string | null> {
    return (await this.next())?.toString() ?? null;
  }

  close(): void {
    this.socket.destroy();
  }
}
