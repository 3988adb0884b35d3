/**
 * sendfile(2): bytes go from a file to a socket without passing through the process. Node has no such call, so it is
 * made through the C library (libc.ts); all knowledge of it is in this file.
 *
 * Always true: a call never waits for the socket, gives how many bytes the socket has taken, and 0 for every failure:
 * the caller then writes the ordinary way and learns the reason there.
 */
import type { Socket } from 'node:net';
import { loadLibC } from './libc.ts';

/** Sends up to `bytes` of the file from `position` on; the count is lower when the socket is full. */
export type SendFile = (socket: number, file: number, position: number, bytes: number) => number;

let found: SendFile | null | undefined;

/** The call, or null where this machine has none. The library is loaded at the first question. */
export function sendFile(): SendFile | null {
  // Null is an answer, too: it is not looked for again.
  if (found === undefined) found = loadSendFile();
  return found;
}

function loadSendFile(): SendFile | null {
  const libc = loadLibC();
  if (libc === null) return null;
  try {
    // off_t and size_t have 64 bits on each architecture that the library is installed for.
    const call = libc.func('int64_t sendfile64(int out, int in, void *offset, uint64_t count)');
    const offset = new BigInt64Array(1);
    return (socket, file, position, bytes) => {
      offset[0] = BigInt(position);
      return Math.max(0, Number(call(socket, file, offset, bytes)));
    };
  } catch {
    return null;
  }
}

/** The descriptor of a plain socket that has nothing left to write, or -1: then nothing may be sent past it. */
export function idleDescriptor(socket: Socket): number {
  if (socket.writableLength > 0 || socket.destroyed || 'encrypted' in socket) return -1;
  const handle = (socket as unknown as { _handle: { fd?: number; writeQueueSize?: number } | null })._handle;
  return handle?.writeQueueSize === 0 ? (handle.fd ?? -1) : -1;
}
