/**
 * The answers of one connection on their way out: collected during an event-loop turn, written at its end.
 *
 * Always true: chunks are written in the order given; small ones are joined, large ones are never copied, and those
 * that still lie in a file are sent from there as far as the socket takes them at once, and read where it does not; every
 * action given with an answer runs exactly once, when the answer has left or the connection is gone.
 */
import type { Socket } from 'node:net';
import { assert } from '../../protocol/assert.ts';
import type { NetMetrics } from '../metrics/net.ts';
import type { SendFile } from './send-file.ts';
import { idleDescriptor, sendFile } from './send-file.ts';
import type { LateChunk } from './session.ts';
import type { Flushable, Turn } from './turn.ts';

/** Unwritten bytes above which the client must read before it is served on. One answer may always go beyond. */
export const HIGH_WATER_BYTES = 1024 * 1024;
/** Chunks up to this size are copied together: a copy costs less than another entry of a vectored write. */
const JOINED_CHUNK_BYTES = 4096;

export interface OutQueueOwner {
  /** There is room again. */
  onDrained(): void;
  /** Part of an answer could not be read; what has left of it can't be taken back. */
  onUnreadable(cause: unknown): void;
}

export class OutQueue implements Flushable {
  readonly #turn: Turn;
  readonly #metrics: NetMetrics;
  readonly #owner: OutQueueOwner;
  #socket: Socket | null = null;
  #chunks: Buffer[] = [];
  /** Those among the chunks that are not filled yet, in their order. */
  #late: LateChunk[] = [];
  #bytes = 0;
  #isScheduled = false;
  /** The socket holds more than it should; it says when it has written all. */
  #needsDrain = false;
  #actions: (() => void)[] = [];
  /** Actions that ride on writes under way; run by the write's callback or by `destroy`. */
  readonly #riding = new Set<() => void>();

  constructor(turn: Turn, metrics: NetMetrics, owner: OutQueueOwner) {
    this.#turn = turn;
    this.#metrics = metrics;
    this.#owner = owner;
  }

  attach(socket: Socket): void {
    this.#socket = socket;
    socket.on('drain', () => {
      this.#needsDrain = false;
      this.#owner.onDrained();
    });
  }

  /** The client does not keep up with its answers. `onDrained` follows. */
  get isFull(): boolean {
    return this.#needsDrain || this.#bytes >= HIGH_WATER_BYTES;
  }

  /** Takes an answer; `actions` run when it has left. */
  push(chunks: readonly Buffer[], actions: readonly (() => void)[], late: readonly LateChunk[] = []): void {
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
    }
    for (const action of actions) this.#actions.push(action);
    for (const chunk of late) this.#late.push(chunk);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#turn.flushLater(this);
  }

  flush(): void {
    this.#isScheduled = false;
    const socket = this.#socket;
    const chunks = this.#chunks;
    if (socket === null || socket.destroyed || chunks.length === 0) return;
    const bytes = this.#bytes;
    this.#chunks = [];
    this.#bytes = 0;
    this.#metrics.bytesOut += bytes;
    const done = this.#takeActions();
    const late = this.#late;
    const [first] = chunks;
    if (late.length > 0) {
      this.#late = [];
      this.#writeWithLate(socket, chunks, late, done);
    } else if (first !== undefined && chunks.length === 1) {
      this.#needsDrain = !socket.write(first, done);
    } else if (bytes <= JOINED_CHUNK_BYTES) {
      this.#needsDrain = !socket.write(join(chunks, 0, chunks.length, bytes), done);
    } else {
      this.#needsDrain = !writeAll(socket, chunks, done);
    }
    if (bytes >= HIGH_WATER_BYTES && !this.#needsDrain) this.#owner.onDrained();
  }

  #writeWithLate(
    socket: Socket,
    chunks: readonly Buffer[],
    late: readonly LateChunk[],
    done: (() => void) | undefined,
  ): void {
    try {
      writeWithLate(socket, chunks, late, done);
    } catch (cause) {
      this.#owner.onUnreadable(cause);
      return;
    } finally {
      for (const one of late) one.release();
    }
    this.#needsDrain = socket.writableNeedDrain;
  }

  /** Nothing more leaves: pending actions run, chunks are dropped. */
  destroy(): void {
    this.#chunks = [];
    for (const one of this.#late.splice(0)) one.release();
    this.#bytes = 0;
    const actions = [...this.#riding, ...this.#actions];
    this.#riding.clear();
    this.#actions = [];
    for (const action of actions) action();
  }

  #takeActions(): (() => void) | undefined {
    if (this.#actions.length === 0) return undefined;
    const actions = this.#actions;
    this.#actions = [];
    for (const action of actions) this.#riding.add(action);
    return () => {
      // What destroy has run is no longer in the set.
      for (const action of actions) if (this.#riding.delete(action)) action();
    };
  }
}

/** Writes chunks of which some lie in files. @throws when one of those can't be read. */
function writeWithLate(
  socket: Socket,
  chunks: readonly Buffer[],
  late: readonly LateChunk[],
  done: (() => void) | undefined,
): void {
  const send = sendFile();
  let from = 0;
  for (const one of late) {
    const at = chunks.indexOf(one.target, from);
    assert(at >= 0, 'a late chunk is part of its answer');
    if (at > from) writeAll(socket, chunks.slice(from, at), undefined);
    const sent = send === null ? 0 : sendLate(socket, one, send);
    if (sent < one.target.length) {
      one.fill(sent);
      socket.write(sent === 0 ? one.target : one.target.subarray(sent));
    }
    from = at + 1;
  }
  const rest = chunks.slice(from);
  if (rest.length > 0) writeAll(socket, rest, done);
  else if (done !== undefined && socket.writableLength > 0) socket.write(EMPTY, done);
  else done?.();
}

/** Sends from the file what the socket takes at once; gives how much that was. */
function sendLate(socket: Socket, late: LateChunk, send: SendFile): number {
  const to = idleDescriptor(socket);
  if (to < 0) return 0;
  const bytes = late.target.length;
  const file = late.descriptor();
  let sent = 0;
  while (sent < bytes) {
    const count = send(to, file, late.position + sent, bytes - sent);
    if (count === 0) break;
    sent += count;
  }
  return sent;
}

const EMPTY = Buffer.alloc(0);

/** One vectored write: runs of small chunks joined, large chunks as they are. False when the socket is full. */
function writeAll(socket: Socket, chunks: readonly Buffer[], done: (() => void) | undefined): boolean {
  socket.cork();
  let run = 0;
  let runBytes = 0;
  let last: Buffer | null = null;
  const put = (chunk: Buffer) => {
    if (last !== null) socket.write(last);
    last = chunk;
  };
  for (let i = 0; i < chunks.length; i++) {
    const chunk = chunks[i];
    if (chunk === undefined) continue;
    if (chunk.length <= JOINED_CHUNK_BYTES) {
      runBytes += chunk.length;
      continue;
    }
    if (runBytes > 0) put(join(chunks, run, i, runBytes));
    put(chunk);
    run = i + 1;
    runBytes = 0;
  }
  if (runBytes > 0) put(join(chunks, run, chunks.length, runBytes));
  const hasRoom = last === null || socket.write(last, done);
  socket.uncork();
  return hasRoom;
}

function join(chunks: readonly Buffer[], start: number, end: number, bytes: number): Buffer {
  const [first] = chunks;
  if (end - start === 1 && first !== undefined) return chunks[start] ?? first;
  const joined = Buffer.allocUnsafe(bytes);
  let position = 0;
  for (let i = start; i < end; i++) position += chunks[i]?.copy(joined, position) ?? 0;
  return joined;
}
