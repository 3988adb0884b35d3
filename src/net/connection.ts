/**
 * One client connection: bytes in, frames out to the session, answers back in order.
 *
 * Always true:
 * - One request is in progress at a time. While one is (or the channel is muted, or the client does not read its
 *   answers) no further frame is handed over; what arrives meanwhile is copied once and reading pauses.
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
import type { Channel, Reply, Session } from './session.ts';
import type { Turn } from './turn.ts';

const SIZE_BYTES = 4;
/** A frame that misses more than this is read straight into its own buffer; less is copied from the shared one. */
const DIRECT_READ_BYTES = 32 * 1024;
/** Reads that don't complete a frame and are smaller than this don't count as activity (a trickling client). */
const TRICKLE_BYTES = 4096;
const POISON = 0xdb;

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
  /** Says why a connection was closed; at debug. */
  readonly onClose: (connection: Connection, reason: string, cause?: unknown) => void;
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

  /** A request was handed over and has no answer yet; `#isPending` when its answer comes by promise. */
  #isInProgress = false;
  #isPending = false;
  /** What the request in progress wants done when its answer has left. */
  #actions: (() => void)[] = [];
  #isMuted = false;
  #isPaused = false;
  #isEnded = false;
  #isClosing = false;
  #isClosed = false;
  #closesAfterReply = false;
  #muteTimer: NodeJS.Timeout | null = null;
  readonly #onReply = (reply: Reply) => this.#settle(reply);
  readonly #onRejection = (cause: unknown) => this.#fail('request handling failed', cause);

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
    return this.#isPending;
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
    return this.#canHandle() ? this.#services.sharedBuffer : this.#services.sharedPiece;
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

  afterWrite(action: () => void): void {
    if (this.#isClosed) {
      action();
      return;
    }
    assert(this.#isInProgress, 'only a request in progress has an answer to wait for');
    this.#actions.push(action);
  }

  closeAfterReply(): void {
    this.#closesAfterReply = true;
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
    const actions = this.#actions;
    this.#actions = [];
    for (const action of actions) action();
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

  #canHandle(): boolean {
    return !this.#isPending && !this.#isMuted && !this.#isClosing && !this.#out.isFull;
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
        if (!this.#canHandle()) break;
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
    if (!this.#canHandle()) return;
    assert(frame !== null || this.#frameSize === 0, 'a complete frame has a buffer');
    const size = this.#frameSize;
    // The connection lets go of the buffer before the session sees it, so that closing meanwhile recycles it once.
    this.#frame = null;
    this.#frameSize = -1;
    this.#services.buffers.discharge(this);
    this.#dispatch(frame === null ? Buffer.alloc(0) : frame.subarray(0, size));
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
    let outcome: Reply | Promise<Reply>;
    this.#isInProgress = true;
    try {
      outcome = session.receive(frame);
    } catch (cause) {
      this.#fail('request handling failed', cause);
      return;
    }
    if (outcome instanceof Promise) {
      this.#isPending = true;
      outcome.then(this.#onReply, this.#onRejection);
    } else {
      this.#reply(outcome);
    }
  }

  #settle(reply: Reply): void {
    this.#isPending = false;
    if (this.#isClosing) return;
    this.activeMs = this.#services.nowMs();
    this.#reply(reply);
    this.#proceed();
  }

  #reply(reply: Reply): void {
    this.#isInProgress = false;
    if (this.#isClosing) return;
    if (reply === 'close') {
      this.#closeSoon('the request was refused');
      return;
    }
    const actions = this.#actions;
    if (actions.length > 0) this.#actions = [];
    if (reply !== 'none') this.#out.push(reply, actions);
    else for (const action of actions) action();
    if (this.#closesAfterReply) this.#closeSoon('closed after its last answer');
  }

  /** Handles what was held back, as far as possible, and reads on when there is nothing left. */
  #proceed(): void {
    if (this.#isClosing || !this.#canHandle()) return;
    if (this.#frameSize >= 0 && this.#frameFilled === this.#frameSize) this.#advanceFrame();
    while (this.#held !== null && this.#canHandle()) {
      const before = this.#heldBytes();
      this.#consumeHeld(this.#held);
      // A frame that waits for memory holds its bytes back.
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
    if (this.#isPending || this.#isMuted || this.#held !== null) return;
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

  #releaseFrame(): void {
    const frame = this.#frame;
    this.#frame = null;
    this.#frameSize = -1;
    this.#services.buffers.discharge(this);
    if (frame !== null) this.#services.buffers.recycle(frame);
  }
}
