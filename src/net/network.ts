/**
 * The network of one process: what its listeners share, the limits on connections, and the once-a-second round.
 *
 * Always true: every open connection is in the registry and counted once for its address; what a limit refuses costs
 * one accepted and closed socket, no more.
 */
import type { NetMetrics } from '../metrics/net.ts';
import { makeNetMetrics } from '../metrics/net.ts';
import { canAdopt } from './adopt.ts';
import type { Connection, ConnectionServices } from './connection.ts';
import { FrameBuffers } from './frame-buffers.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import { listen } from './listener.ts';
import { Turn } from './turn.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const SHARED_BUFFER_BYTES = 256 * KIB;
const SHARED_PIECE_BYTES = 16 * KIB;
const ROUND_MS = 1000;
/** Sockets accepted beyond max.connections that are kept until there is room; a backlog, as that of the kernel. */
const MAX_WAITING = 1024;

export interface NetworkOptions {
  /** max.connections: of all listeners together. Connections beyond it wait to be served, as in Kafka. */
  readonly maxConnections?: number;
  /** max.connections.per.ip, and its overrides by address as Java prints it. Connections beyond it are closed. */
  readonly maxConnectionsPerIp?: number;
  readonly maxConnectionsPerIpOverrides?: ReadonlyMap<string, number>;
  /** Sockets that the process can afford, of all listeners together. Connections beyond it are closed at once. */
  readonly maxSockets?: number;
  /** connections.max.idle.ms */
  readonly maxIdleMs?: number;
  /** Memory for requests that arrive in pieces (queued.max.request.bytes where it is set). */
  readonly frameBudgetBytes?: number;
  /** A large request that has not grown for this long may be given up when others need its memory. */
  readonly stalledFrameMs?: number;
  readonly metrics?: NetMetrics;
  /** The monotonic clock, in milliseconds. */
  readonly nowMs?: () => number;
  /** Told why a connection ended; `cause` is the error behind it, if any. */
  readonly onClose?: (connection: Connection, reason: string, cause?: unknown) => void;
  /** Told of exceptions that came out of a session: bugs of ours. */
  readonly onBug?: (connection: Connection, cause: unknown) => void;
  /** Tests: read buffers are overwritten when their frame is done. */
  readonly isPoisoned?: boolean;
  /** Tests: read through 'data' events even where sockets can be adopted. */
  readonly readsByEvents?: boolean;
}

/** An open connection with what the round looks at. */
interface Entry {
  readonly connection: Connection;
  readonly unsent: () => number;
  lastUnsent: number;
}

export class Network {
  readonly metrics: NetMetrics;
  readonly buffers: FrameBuffers;
  readonly turn = new Turn();
  readonly services: ConnectionServices;
  readonly #options: NetworkOptions;
  readonly #connections = new Map<Connection, Entry>();
  readonly #countByHost = new Map<string, number>();
  readonly #listeners = new Set<Listener>();
  /** Accepted while max.connections were open; served in order when others end. */
  readonly #waiting: (() => boolean)[] = [];
  #nextId = 1;
  #round: NodeJS.Timeout | null = null;

  constructor(options: NetworkOptions = {}) {
    const nowMs = options.nowMs ?? (() => performance.now());
    const isPoisoned = options.isPoisoned ?? false;
    const sharedBuffer = Buffer.allocUnsafeSlow(SHARED_BUFFER_BYTES);
    this.#options = options;
    this.metrics = options.metrics ?? makeNetMetrics();
    this.buffers = new FrameBuffers({
      budgetBytes: options.frameBudgetBytes ?? 512 * MIB,
      pooledBytes: 64 * MIB,
      stalledMs: options.stalledFrameMs ?? 5000,
      nowMs,
      isPoisoned,
    });
    this.services = {
      buffers: this.buffers,
      turn: this.turn,
      metrics: this.metrics,
      nowMs,
      sharedBuffer,
      sharedPiece: sharedBuffer.subarray(0, SHARED_PIECE_BYTES),
      isPoisoned,
      onClose: options.onClose ?? (() => {}),
      onBug: options.onBug ?? (() => {}),
    };
  }

  /** Runs `action` at the end of this event-loop turn, before the answers of the turn are written. */
  endOfTurn(action: () => void): void {
    this.turn.endOfTurn(action);
  }

  get connections(): Iterable<Connection> {
    return this.#connections.keys();
  }

  /**
   * Opens a listener.
   * @throws {ListenError} when the address can't be bound.
   */
  async listen(options: ListenerOptions): Promise<Listener> {
    const isAdopting = this.#options.readsByEvents !== true && (await canAdopt());
    const listener = await listen(this, options, isAdopting);
    this.#listeners.add(listener);
    this.#round ??= setInterval(() => this.#tick(), ROUND_MS).unref();
    return listener;
  }

  /** Closes all listeners and connections. Answers not yet written are dropped. */
  async close(): Promise<void> {
    if (this.#round !== null) clearInterval(this.#round);
    this.#round = null;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  /** For listeners: a number for a new connection. */
  takeId(): number {
    return this.#nextId++;
  }

  /**
   * For listeners: runs `serve` now or when a connection ends; `refuse` when the address has its share, too many
   * wait, or the process has no descriptors to spare. `serve` gives false when the client has gone away meanwhile.
   */
  admit(host: string, serve: () => boolean, refuse: () => void): void {
    const { maxConnectionsPerIp, maxConnectionsPerIpOverrides, maxConnections, maxSockets } = this.#options;
    const perHost =
      maxConnectionsPerIpOverrides?.get(host) ?? maxConnectionsPerIp ?? Number.POSITIVE_INFINITY;
    const isFull = this.#connections.size + this.#waiting.length >= (maxSockets ?? Number.POSITIVE_INFINITY);
    if (isFull || (this.#countByHost.get(host) ?? 0) >= perHost) {
      this.metrics.connectionsRefused++;
      refuse();
    } else if (this.#connections.size >= (maxConnections ?? Number.POSITIVE_INFINITY)) {
      if (this.#waiting.length < MAX_WAITING) this.#waiting.push(serve);
      else refuse();
    } else {
      serve();
    }
  }

  /** For listeners: the connection is open. */
  register(connection: Connection, unsent: () => number): void {
    this.#connections.set(connection, { connection, unsent, lastUnsent: 0 });
    const host = connection.remoteHost;
    this.#countByHost.set(host, (this.#countByHost.get(host) ?? 0) + 1);
    this.metrics.connectionsOpen++;
    this.metrics.connectionsAccepted++;
  }

  /** For listeners: the connection has ended. */
  unregister(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    const host = connection.remoteHost;
    const left = (this.#countByHost.get(host) ?? 1) - 1;
    if (left === 0) this.#countByHost.delete(host);
    else this.#countByHost.set(host, left);
    this.metrics.connectionsOpen--;
    let next = this.#waiting.shift();
    while (next !== undefined && !next()) next = this.#waiting.shift();
  }

  #tick(): void {
    this.buffers.tick();
    const idleSinceMs = this.services.nowMs() - (this.#options.maxIdleMs ?? 600_000);
    for (const entry of [...this.#connections.values()]) {
      const { connection } = entry;
      if (connection.activeMs > idleSinceMs || connection.isPending) continue;
      const unsent = entry.unsent();
      if (unsent !== entry.lastUnsent) {
        // A slow client still takes its answer.
        entry.lastUnsent = unsent;
        connection.activeMs = this.services.nowMs();
        continue;
      }
      this.metrics.connectionsIdledOut++;
      this.services.onClose(connection, 'the connection was idle');
      connection.destroy();
    }
  }
}
