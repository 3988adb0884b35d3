/**
 * One client connection: bytes in, frames out to the session, answers back in order.
 *
 * Always true:
 * - One request is in progress at a time, but for those that overlap. While one is (or the channel is muted, or the
 *   client does not read its answers) no further frame is handed over; what arrives is copied once and reading pauses.
 * - Frames that lie wholly inside the shared read buffer are handed over in place; the others come together in a
 *   buffer of their own, into which the socket reads directly once much of it is missing.
 * - Answers leave in the order of the requests, with one write per event-loop turn.
 * - After `destroy` nothing is handed over and nothing is written, and each afterWrite action has run once.
 */
import type { Socket } from 'node:net';
import { assert } from '../../protocol/assert.ts';
import type { NetMetrics } from '../metrics/net.ts';
import type { FrameBuffers, FrameHolder } from './frame-buffers.ts';
import { capacityFor } from './frame-buffers.ts';
import { OutQueue } from './out-queue.ts';
import { sendFile } from './send-file.ts';
import type { Channel, Exchange, LateChunk, Reply, Session } from './session.ts';
import type { Turn } from './turn.ts';

const SIZE_BYTES = 4;
/** A frame that misses more than this is read straight into its own buffer; less is copied from the shared one. */
const DIRECT_READ_BYTES = 32 * 1024;
/** Reads that don't complete a frame and are smaller than this don't count as activity (a trickling client). */
const TRICKLE_BYTES = 4096;
/** Overlapping requests that may wait for their answers. */
const MAX_IN_PROGRESS = 64;
const POISON = 0xdb;
const EMPTY = Buffer.alloc(0);

/** What all connections of a process share. */
export interface ConnectionServices {
  readonly buffers: FrameBuffers;
  readonly turn: Turn;
  readonly metrics: NetMetrics;
  readonly nowMs: () => number;
  /** The one buffer that sockets read into, and a short piece of it for connections that can't use much now. */
  readonly sharedBuffer: Buffer;
  readonly sharedPiece: Buffer;
  readonly isPoisoned: boolean;
  /** Told why a connection was closed. */
  readonly onClose: (connection: Connection, reason: string, cause?: unknown) => void;
  /** Told of exceptions out of the session, which are bugs of ours; the connection is closed. */
  readonly onBug: (connection: Connection, cause: unknown) => void;
}

export interface ConnectionAddress {
  readonly id: number;
  readonly listenerName: string;
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly localHost: string;
  readonly localPort: number;
}

export interface ConnectionOptions {
  readonly address: ConnectionAddress;
  readonly maxRequestBytes: number;
}

/** A request that was handed over, until its answer is on its way out. */
class RequestInProgress implements Exchange {
  reply: Reply | null = null;
  overlaps = false;
  /** What comes after must wait, whatever its kind. */
  holdsOthers = false;
  isLast = false;
  actions: readonly (() => void)[] = [];
  late: readonly LateChunk[] = [];
  /** Answered or given up: what comes after runs at once. */
  isOver = false;

  readonly takesLateChunks: boolean;

  constructor(takesLateChunks: boolean) {
    this.takesLateChunks = takesLateChunks;
  }

  fillLate(chunks: readonly LateChunk[]): void {
    this.late = chunks;
  }

  afterWrite(action: () => void): void {
    if (this.isOver) action();
    else this.actions = [...this.actions, action];
  }

  holdOthers(): void {
    this.holdsOthers = true;
  }

  closeAfterReply(): void {
    this.isLast = true;
  }

  giveUp(): void {
    this.isOver = true;
    for (const action of this.actions) action();
  }
}

export class Connection implements Channel, FrameHolder {
  readonly id: number;
  readonly listenerName: string;
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly localHost: string;
  readonly localPort: number;
  /** Monotonic time of the last completed frame, answer, or large read. */
  activeMs: number;
  progressMs: number;

  readonly #services: ConnectionServices;
  readonly #maxRequestBytes: number;
  readonly #out: OutQueue;
  #socket: Socket | null = null;
  #session: Session | null = null;
  #onClosed: () => void = () => {};

  /** Size prefix that arrived in part: its bytes so far, as a number, and how many. */
  #prefix = 0;
  #prefixLength = 0;
  /** The frame that comes together: its buffer, size, and bytes that are there. Size -1: none. */
  #frame: Buffer | null = null;
  #frameSize = -1;
  #frameFilled = 0;
  /** The read under way goes into `#frame`, not into the shared buffer. */
  #isDirect = false;
  /** Bytes copied because they can't be handled now; reading is paused while there are any. */
  #held: Buffer | null = null;

  /** Requests whose answers are not on their way out yet, in order. */
  readonly #inProgress: RequestInProgress[] = [];
  #isMuted = false;
  #isPaused = false;
  #isEnded = false;
  #isClosing = false;
  #isClosed = false;
  #muteTimer: NodeJS.Timeout | null = null;
  readonly #onRejection = (cause: unknown) => this.#failByBug(cause);

  constructor(services: ConnectionServices, options: ConnectionOptions) {
    const { address } = options;
    this.id = address.id;
    this.listenerName = address.listenerName;
    this.remoteHost = address.remoteHost;
    this.remotePort = address.remotePort;
    this.localHost = address.localHost;
    this.localPort = address.localPort;
    this.#services = services;
    this.#maxRequestBytes = options.maxRequestBytes;
    this.#out = new OutQueue(services.turn, services.metrics, this);
    this.activeMs = services.nowMs();
    this.progressMs = this.activeMs;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether a request is in progress. Such a connection is not idle. */
  get isPending(): boolean {
    return this.#inProgress.length > 0;
  }

  /** Begins: from now on the socket's bytes come to `received`. */
  start(socket: Socket, session: Session, onClosed: () => void): void {
    this.#socket = socket;
    this.#session = session;
    this.#onClosed = onClosed;
    this.#out.attach(socket);
    socket.on('end', () => this.#onEnd());
    socket.on('error', (cause) => this.#fail('socket failed', cause));
    socket.on('close', () => this.destroy());
  }

  /** The buffer that the next read goes to. */
  nextBuffer(): Buffer {
    const frame = this.#frame;
    if (frame !== null) {
      const end = Math.min(frame.length, this.#frameSize);
      if (end > this.#frameFilled && this.#frameSize - this.#frameFilled > DIRECT_READ_BYTES) {
        this.#isDirect = true;
        return frame.subarray(this.#frameFilled, end);
      }
    }
    this.#isDirect = false;
    return this.#canOverlap() ? this.#services.sharedBuffer : this.#services.sharedPiece;
  }

  /**
   * `length` bytes arrived in `buffer`, which is valid only during this call.
   * Gives false when no more should be read; `resume` of the socket follows later.
   */
  received(buffer: Buffer, length: number): boolean {
    if (this.#isClosing) return false;
    const { metrics, nowMs, isPoisoned } = this.#services;
    metrics.bytesIn += length;
    if (length >= TRICKLE_BYTES) this.activeMs = nowMs();
    if (this.#isDirect) {
      this.#frameFilled += length;
      this.#advanceFrame();
    } else {
      this.#consume(buffer, length, false);
      if (isPoisoned) buffer.fill(POISON, 0, length);
    }
    this.#isPaused = !this.#mayRead();
    return !this.#isPaused;
  }

  mute(delayMs: number): void {
    if (delayMs <= 0 || this.#isClosing) return;
    this.#isMuted = true;
    if (this.#muteTimer !== null) clearTimeout(this.#muteTimer);
    this.#muteTimer = setTimeout(() => {
      this.#muteTimer = null;
      this.#isMuted = false;
      this.#proceed();
    }, delayMs);
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isClosing = true;
    if (this.#muteTimer !== null) clearTimeout(this.#muteTimer);
    this.#releaseFrame();
    this.#held = null;
    this.#socket?.destroy();
    this.#out.destroy();
    for (const request of this.#inProgress.splice(0)) request.giveUp();
    this.#session?.closed();
    this.#onClosed();
  }

  /** FrameHolder: memory may be there for the frame that waits to grow. */
  retryGrowth(): void {
    if (this.#isClosing || this.#frameSize < 0) return;
    this.#advanceFrame();
    this.#proceed();
  }

  /** FrameHolder: the memory of the stalled frame is needed by others. */
  evict(): void {
    this.#services.metrics.framesEvicted++;
    this.#fail('a stalled request was given up for memory');
  }

  /** OutQueue: the client has read its answers. */
  onDrained(): void {
    this.activeMs = this.#services.nowMs();
    this.#proceed();
  }

  /** OutQueue: an answer stopped in its midst. */
  onUnreadable(cause: unknown): void {
    this.#fail('an answer could not be read from its file', cause);
  }

  /** Whether the request at `offset` may be handed over now. */
  #canHandle(buffer: Buffer, offset: number): boolean {
    if (!this.#canOverlap()) return false;
    return this.#inProgress.length === 0 || this.#session?.overlaps(buffer, offset) === true;
  }

  /** Whether some request may be handed over now: no other is in progress, or only such as overlap. */
  #canOverlap(): boolean {
    if (this.#isMuted || this.#isClosing || this.#out.isFull) return false;
    const last = this.#inProgress.at(-1);
    return last === undefined || (last.overlaps && this.#inProgress.length < MAX_IN_PROGRESS);
  }

  /** Reading goes on unless bytes are held back, or a frame is complete or can't grow. */
  #mayRead(): boolean {
    if (this.#isClosing || this.#held !== null) return false;
    const frame = this.#frame;
    return frame === null || this.#frameFilled < Math.min(frame.length, this.#frameSize);
  }

  /** Handles buffer[0, end) as far as possible; holds what must wait, as a copy unless the buffer is our own. */
  #consume(buffer: Buffer, end: number, isOwned: boolean): void {
    let position = 0;
    while (position < end && !this.#isClosing) {
      if (this.#frameSize >= 0) {
        if (!this.#canTake()) break;
        position = this.#fillFrame(buffer, position, end);
        continue;
      }
      if (this.#prefixLength > 0 || end - position < SIZE_BYTES) {
        position = this.#fillPrefix(buffer, position, end);
        continue;
      }
      const size = buffer.readInt32BE(position);
      if (!this.#isAcceptable(size)) break;
      const frameStart = position + SIZE_BYTES;
      if (size <= end - frameStart) {
        if (!this.#canHandle(buffer, frameStart)) break;
        position = frameStart + size;
        this.#dispatch(buffer.subarray(frameStart, position));
      } else {
        this.#beginFrame(size, end - frameStart);
        position = frameStart;
      }
    }
    if (position < end && !this.#isClosing) this.#hold(buffer.subarray(position, end), isOwned);
  }

  #fillPrefix(buffer: Buffer, start: number, end: number): number {
    let position = start;
    while (position < end && this.#prefixLength < SIZE_BYTES) {
      // The multiplication keeps the top bit out of the sign until all four bytes are there.
      this.#prefix = this.#prefix * 256 + buffer.readUInt8(position++);
      this.#prefixLength++;
    }
    if (this.#prefixLength === SIZE_BYTES) {
      const size = this.#prefix | 0;
      this.#prefix = 0;
      this.#prefixLength = 0;
      if (this.#isAcceptable(size)) this.#beginFrame(size, end - position);
    }
    return position;
  }

  /** socket.request.max.bytes; an empty frame has no header and is refused by whoever reads it. */
  #isAcceptable(size: number): boolean {
    if (size >= 0 && size <= this.#maxRequestBytes) return true;
    this.#fail(size < 0 ? 'a request announced a negative size' : 'a request was larger than allowed');
    return false;
  }

  /** `available` is how many bytes of the frame and beyond are at hand. */
  #beginFrame(size: number, available: number): void {
    assert(this.#frame === null, 'one frame comes together at a time');
    this.#frameSize = size;
    this.#frameFilled = 0;
    this.progressMs = this.#services.nowMs();
    this.#growFrame(available);
    if (size === 0) this.#advanceFrame();
  }

  /** Whether the frame under way can take at least one more byte now. */
  #canTake(): boolean {
    const frame = this.#frame;
    return frame !== null && this.#frameFilled < Math.min(frame.length, this.#frameSize);
  }

  #growFrame(available: number): void {
    const old = this.#frame;
    const capacity = capacityFor(this.#frameSize, this.#frameFilled + Math.min(available, this.#frameSize));
    if (old !== null && capacity <= old.length) return;
    const grown = this.#services.buffers.acquire(this, capacity);
    if (grown === null) return;
    if (old !== null) {
      old.copy(grown, 0, 0, this.#frameFilled);
      this.#services.buffers.recycle(old);
    }
    this.#frame = grown;
  }

  #fillFrame(buffer: Buffer, start: number, end: number): number {
    const frame = this.#frame;
    assert(frame !== null, 'a frame is under way');
    const length = Math.min(end - start, Math.min(frame.length, this.#frameSize) - this.#frameFilled);
    buffer.copy(frame, this.#frameFilled, start, start + length);
    this.#frameFilled += length;
    this.#advanceFrame(end - start - length);
    return start + length;
  }

  /** After the frame under way got bytes or memory: hands it over when complete, else grows it when full. */
  #advanceFrame(available = 0): void {
    const frame = this.#frame;
    this.progressMs = this.#services.nowMs();
    if (this.#frameFilled < this.#frameSize) {
      if (frame === null || this.#frameFilled === frame.length) this.#growFrame(available);
      return;
    }
    const bytes = frame ?? EMPTY;
    if (!this.#canHandle(bytes, 0)) return;
    const size = this.#frameSize;
    assert(bytes.length >= size, 'a complete frame has a buffer');
    // The connection lets go of the buffer before the session sees it, so that closing meanwhile recycles it once.
    this.#frame = null;
    this.#frameSize = -1;
    this.#services.buffers.discharge(this);
    this.#dispatch(bytes.subarray(0, size));
    if (frame !== null) this.#services.buffers.recycle(frame);
  }

  #hold(rest: Buffer, isOwned: boolean): void {
    this.#held = isOwned ? rest : Buffer.from(rest);
  }

  #dispatch(frame: Buffer): void {
    const session = this.#session;
    assert(session !== null, 'a started connection has a session');
    const { metrics, nowMs } = this.#services;
    metrics.requests++;
    this.activeMs = nowMs();
    const request = new RequestInProgress(sendFile() !== null);
    let outcome: Reply | Promise<Reply>;
    try {
      outcome = session.receive(frame, request);
    } catch (cause) {
      request.giveUp();
      this.#failByBug(cause);
      return;
    }
    if (outcome instanceof Promise) {
      this.#wait(request, session.overlaps(frame, 0));
      outcome.then((reply) => this.#settle(request, reply), this.#onRejection);
    } else if (this.#inProgress.length > 0) {
      request.reply = outcome;
      this.#wait(request, outcome !== 'close' && session.overlaps(frame, 0));
    } else {
      this.#answer(request, outcome);
    }
  }

  #wait(request: RequestInProgress, overlaps: boolean): void {
    if (this.#isClosed) {
      request.giveUp();
      return;
    }
    request.overlaps = overlaps && !request.holdsOthers;
    this.#inProgress.push(request);
  }

  #settle(request: RequestInProgress, reply: Reply): void {
    if (this.#isClosing) return;
    request.reply = reply;
    this.activeMs = this.#services.nowMs();
    let first = this.#inProgress[0];
    while (first !== undefined && first.reply !== null) {
      this.#inProgress.shift();
      this.#answer(first, first.reply);
      first = this.#inProgress[0];
    }
    this.#proceed();
  }

  #answer(request: RequestInProgress, reply: Reply): void {
    if (this.#isClosing || reply === 'close') {
      request.giveUp();
      this.#closeSoon('the request was refused');
      return;
    }
    request.isOver = true;
    if (reply === 'none') request.giveUp();
    else this.#out.push(reply, request.actions, request.late);
    if (request.isLast) this.#closeSoon('closed after its last answer');
  }

  /** Handles what was held back, as far as possible, and reads on when there is nothing left. */
  #proceed(): void {
    if (!this.#canOverlap()) return;
    if (this.#frameSize >= 0 && this.#frameFilled === this.#frameSize) this.#advanceFrame();
    while (this.#held !== null && this.#canOverlap()) {
      const before = this.#heldBytes();
      this.#consumeHeld(this.#held);
      // A frame that waits for memory, or must not overlap, holds its bytes back.
      if (this.#heldBytes() === before) break;
    }
    if (this.#isClosing) return;
    if (this.#isEnded) this.#finishEnded();
    else if (this.#isPaused && this.#mayRead()) {
      this.#isPaused = false;
      this.#socket?.resume();
    }
  }

  #heldBytes(): number {
    return this.#held?.length ?? 0;
  }

  #consumeHeld(held: Buffer): void {
    this.#held = null;
    this.#consume(held, held.length, true);
    if (this.#services.isPoisoned) held.fill(POISON, 0, held.length - this.#heldBytes());
  }

  /** The client sends no more. Requests it sent before are still answered, as long as it reads. */
  #onEnd(): void {
    this.#isEnded = true;
    this.#finishEnded();
  }

  #finishEnded(): void {
    if (this.#inProgress.length > 0 || this.#isMuted || this.#held !== null) return;
    if (this.#frameSize >= 0 && this.#frameFilled === this.#frameSize) return;
    this.#closeSoon('the client closed the connection');
  }

  /** Writes what is to be written, then closes. */
  #closeSoon(reason: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#services.onClose(this, reason);
    this.#releaseFrame();
    this.#held = null;
    this.#out.flush();
    this.#socket?.destroySoon();
  }

  #fail(reason: string, cause?: unknown): void {
    if (this.#isClosed) return;
    this.#services.onClose(this, reason, cause);
    this.destroy();
  }

  #failByBug(cause: unknown): void {
    this.#services.onBug(this, cause);
    this.#fail('handling a request failed', cause);
  }

  #releaseFrame(): void {
    const frame = this.#frame;
    this.#frame = null;
    this.#frameSize = -1;
    this.#services.buffers.discharge(this);
    if (frame !== null) this.#services.buffers.recycle(frame);
  }
}
