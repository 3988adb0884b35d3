/**
 * One listening address: accepts sockets and makes connections of them.
 *
 * Always true: a listener that is closed accepts nothing and has no open connections; an address that can't be bound
 * is reported as a ListenError that says how to mend it.
 */
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { assert } from '../../protocol/assert.ts';
import { hostAddress } from './address.ts';
import { adopt, readByEvents, unsentBytes } from './adopt.ts';
import type { ConnectionServices } from './connection.ts';
import { Connection } from './connection.ts';
import { HIGH_WATER_BYTES } from './out-queue.ts';
import { stopPacing } from './pacing.ts';
import type { Channel, Session } from './session.ts';

export interface ListenerOptions {
  /** Name as in `listeners`, for instance PLAINTEXT. */
  readonly name: string;
  /** Address to bind; empty for all. */
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** socket.request.max.bytes */
  readonly maxRequestBytes: number;
  /** socket.listen.backlog.size */
  readonly backlog?: number;
  /** Makes the protocol's side of a new connection. */
  readonly open: (channel: Channel) => Session;
  /**
   * Turns an accepted socket into the one to talk through, for instance by a TLS handshake; such sockets are read
   * through 'data' events. Plaintext listeners leave it out.
   */
  readonly secure?: (socket: Socket) => Socket;
}

/** What a listener needs from the network it is part of. */
export interface ListenerHost {
  readonly services: ConnectionServices;
  takeId(): number;
  admit(host: string, serve: () => boolean, refuse: () => void): void;
  register(connection: Connection, unsent: () => number): void;
  unregister(connection: Connection): void;
}

/** An address can't be bound. The message is one sentence with the mend. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  /** EADDRINUSE, EACCES, EADDRNOTAVAIL, … */
  readonly code: string;
  readonly host: string;
  readonly port: number;

  constructor(code: string, host: string, port: number, cause: unknown) {
    super(`can't listen on ${host === '' ? '*' : host}:${port}: ${listenAdvice(code)}`, { cause });
    this.code = code;
    this.host = host;
    this.port = port;
  }
}

function listenAdvice(code: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'another process listens there; stop it or choose another port in `listeners`';
    case 'EACCES':
      return 'the port needs privileges; choose one above 1023 in `listeners`';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address; correct `listeners` (what clients see goes to `advertised.listeners`)';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name is unknown; correct `listeners`';
    default:
      return code;
  }
}

export class Listener {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #unserved = new Set<Socket>();
  #isClosed = false;

  constructor(server: Server, network: ListenerHost, options: ListenerOptions, isAdopting: boolean) {
    const address = server.address() as AddressInfo;
    this.name = options.name;
    this.host = options.host;
    this.port = address.port;
    this.#server = server;
    server.on('connection', (socket) => this.#accept(socket, network, options, isAdopting));
    // Accepting may fail for a moment, for instance when descriptors are used up; the listener stays.
    server.on('error', () => {});
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Accepts no more; open connections stay. */
  stopAccepting(): void {
    if (this.#server.listening) this.#server.close();
    for (const socket of this.#unserved) socket.destroy();
    this.#unserved.clear();
  }

  /** Accepts no more and ends all connections; resolves when the address is free again. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const closed = this.#server.listening
      ? new Promise<void>((resolve) => this.#server.close(() => resolve()))
      : Promise.resolve();
    this.stopAccepting();
    for (const connection of [...this.#connections]) connection.destroy();
    await closed;
  }

  #accept(raw: Socket, network: ListenerHost, options: ListenerOptions, isAdopting: boolean): void {
    const remoteHost = hostAddress(raw.remoteAddress ?? '');
    const drop = () => {
      this.#unserved.delete(raw);
      raw.destroy();
    };
    // Until it is served the socket is paused: errors would otherwise be thrown.
    raw.on('error', drop);
    this.#unserved.add(raw);
    const serve = () => {
      this.#unserved.delete(raw);
      if (raw.destroyed || this.#isClosed) return false;
      raw.off('error', drop);
      return this.#serve(raw, remoteHost, network, options, isAdopting);
    };
    network.admit(remoteHost, serve, drop);
  }

  #serve(
    raw: Socket,
    remoteHost: string,
    network: ListenerHost,
    options: ListenerOptions,
    isAdopting: boolean,
  ): boolean {
    const localHost = hostAddress(raw.localAddress ?? '');
    const connection = new Connection(network.services, {
      address: {
        id: network.takeId(),
        listenerName: options.name,
        remoteHost,
        remotePort: raw.remotePort ?? 0,
        localHost,
        localPort: raw.localPort ?? this.port,
      },
      maxRequestBytes: options.maxRequestBytes,
    });
    stopPacing(raw, remoteHost, localHost);
    const socket =
      options.secure === undefined && isAdopting
        ? adopt(raw, connection)
        : readByEvents(options.secure?.(raw) ?? raw, connection);
    if (socket === null) return false;
    socket.setNoDelay(true);
    this.#connections.add(connection);
    network.register(connection, () => unsentBytes(socket));
    connection.start(socket, options.open(connection), () => {
      this.#connections.delete(connection);
      network.unregister(connection);
    });
    socket.resume();
    return true;
  }
}

/** Binds the address. @throws {ListenError} */
export function listen(
  network: ListenerHost,
  options: ListenerOptions,
  isAdopting: boolean,
): Promise<Listener> {
  assert(Number.isInteger(options.port), 'a port is a whole number');
  return new Promise((resolve, reject) => {
    const server = createServer({
      pauseOnConnect: true,
      allowHalfOpen: true,
      noDelay: true,
      highWaterMark: HIGH_WATER_BYTES,
    });
    const onError = (cause: NodeJS.ErrnoException) => {
      reject(new ListenError(cause.code ?? cause.message, options.host, options.port, cause));
    };
    server.once('error', onError);
    const address = { port: options.port, backlog: options.backlog ?? 511 };
    server.listen(options.host === '' ? address : { ...address, host: options.host }, () => {
      server.off('error', onError);
      resolve(new Listener(server, network, options, isAdopting));
    });
  });
}
