/**
 * Sockets whose reads go into buffers of our choice.
 *
 * Node offers `onread` only to sockets that a program makes itself, not to those of a server. So the handle of an
 * accepted socket is moved to a new one that is made with `onread`. That `_handle` may be moved is undocumented but
 * old; `canAdopt` tries it once per process on a connection of its own, and where it fails sockets are read through
 * 'data' events, as TLS sockets always are. All knowledge of it is in this file.
 */
import type { AddressInfo, SocketConstructorOpts } from 'node:net';
import { createServer, Socket } from 'node:net';
import { HIGH_WATER_BYTES } from './out-queue.ts';

const SELF_TEST_MS = 1000;

/** Who takes the bytes; a Connection. */
export interface Reader {
  nextBuffer(): Buffer;
  /** False when no more should be read until the socket is resumed. */
  received(buffer: Buffer, length: number): boolean;
}

interface WithHandle {
  _handle: { writeQueueSize?: number } | null;
}

/** Moves the handle of `raw`, which was accepted paused, to a socket that reads for `reader`; null if it is closed. */
export function adopt(raw: Socket, reader: Reader): Socket | null {
  const inner = raw as unknown as WithHandle;
  const handle = inner._handle;
  if (!handle) return null;
  inner._handle = null;
  // Ends the server's count of it, without which server.close would never call back.
  raw.destroy();
  const options = {
    handle,
    allowHalfOpen: true,
    writableHighWaterMark: HIGH_WATER_BYTES,
    onread: {
      buffer: () => reader.nextBuffer(),
      callback: (length: number, buffer: Uint8Array) => reader.received(buffer as Buffer, length),
    },
  };
  // `handle` is not in the types, as it is not in the documentation.
  return new Socket(options as unknown as SocketConstructorOpts);
}

/** The way without tricks: reads `socket` through 'data' events. */
export function readByEvents(socket: Socket, reader: Reader): Socket {
  socket.on('data', (chunk: Buffer) => {
    if (!reader.received(chunk, chunk.length)) socket.pause();
  });
  return socket;
}

/** Bytes that the operating system has not taken yet; shows that a slow client still reads. */
export function unsentBytes(socket: Socket): number {
  return (socket as unknown as WithHandle)._handle?.writeQueueSize ?? socket.writableLength;
}

let adoption: Promise<boolean> | undefined;

/** Whether sockets can be adopted in this process: reads land in the given buffer, writes and ends pass. */
export function canAdopt(): Promise<boolean> {
  adoption ??= tryAdoption();
  return adoption;
}

function tryAdoption(): Promise<boolean> {
  return new Promise((resolve) => {
    const buffer = Buffer.alloc(16);
    let hasLanded = false;
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
    const finish = (isWorking: boolean) => {
      clearTimeout(timer);
      client.destroy();
      server.close();
      resolve(isWorking);
    };
    const timer = setTimeout(() => finish(false), SELF_TEST_MS);
    const client = new Socket();
    client.on('error', () => finish(false));
    client.on('data', () => client.end());
    client.on('end', () => finish(hasLanded));
    server.on('error', () => finish(false));
    server.on('connection', (raw) => {
      try {
        const socket = adopt(raw, {
          nextBuffer: () => buffer,
          received(given, length) {
            hasLanded = given === buffer && length === 1 && buffer[0] === 7;
            socket?.write('x');
            return true;
          },
        });
        socket?.on('error', () => finish(false));
        socket?.on('end', () => socket.end());
        socket?.resume();
      } catch {
        finish(false);
      }
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      client.connect(port, '127.0.0.1', () => client.write(Buffer.from([7])));
    });
  });
}
