/**
 * The answers of one connection on their way out: collected during an event-loop turn, written at its end.
 *
 * Always true: chunks are written in the order given; small ones are joined, large ones are never copied; every
 * action given with an answer runs exactly once, when the answer has left or the connection is gone.
 */
import type { Socket } from 'node:net';
import type { NetMetrics } from '../metrics/net.ts';
import type { Flushable, Turn } from './turn.ts';

/** Unwritten bytes above which the client must read before it is served on. One answer may always go beyond. */
export const HIGH_WATER_BYTES = 1024 * 1024;
/** Chunks up to this size are copied together: a copy costs less than another entry of a vectored write. */
const JOINED_CHUNK_BYTES = 4096;

export interface OutQueueOwner {
  /** There is room again. */
  onDrained(): void;
}

export class OutQueue implements Flushable {
  readonly #turn: Turn;
  readonly #metrics: NetMetrics;
  readonly #owner: OutQueueOwner;
  #socket: Socket | null = null;
  #chunks: Buffer[] = [];
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
  push(chunks: readonly Buffer[], actions: readonly (() => void)[]): void {
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
    }
    for (const action of actions) this.#actions.push(action);
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
    const [first] = chunks;
    if (first !== undefined && chunks.length === 1) {
      this.#needsDrain = !socket.write(first, done);
    } else if (bytes <= JOINED_CHUNK_BYTES) {
      this.#needsDrain = !socket.write(join(chunks, 0, chunks.length, bytes), done);
    } else {
      this.#needsDrain = !writeAll(socket, chunks, done);
    }
    if (bytes >= HIGH_WATER_BYTES && !this.#needsDrain) this.#owner.onDrained();
  }

  /** Nothing more leaves: pending actions run, chunks are dropped. */
  destroy(): void {
    this.#chunks = [];
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
