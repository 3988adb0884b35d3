/**
 * The ports of a node: opened when it can serve, except those whose number the system chooses, which must be known
 * before the broker registers.
 */
import { hostname } from 'node:os';
import { descriptorLimit, openFileShare } from '../../storage/disk.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import type { Endpoint } from '../config/endpoint.ts';
import { bindAddresses, isEveryAddress, printEndpoint } from '../config/endpoint.ts';
import type { Logger } from '../logging.ts';
import { ListenError } from '../net/listener.ts';
import { Network } from '../net/network.ts';
import type { Channel } from '../net/session.ts';
import { Dispatcher } from '../server/dispatch.ts';
import type { HandlerTable, Scope } from '../server/handler.ts';

const MISSING_FAMILY: readonly string[] = ['EADDRNOTAVAIL', 'EAFNOSUPPORT'];

/** Descriptors that are neither sockets of clients nor open segments: small files, directories, pipes, peers. */
const SPARE_DESCRIPTORS = 128;

/** What files leave to sockets. A process that has no descriptor left could neither roll a segment nor save a vote. */
const affordableSockets = (limit: number): number =>
  Math.max(16, limit - openFileShare(limit) - Math.min(SPARE_DESCRIPTORS, Math.floor(limit / 8)));

/** What is served on the listeners of each kind. */
export type HandlerTables = Readonly<Record<Scope, HandlerTable>>;

export class Listeners {
  readonly network: Network;
  readonly #config: BrokerConfig;
  readonly #log: Logger;
  /** Real port of each listener by name, once it is bound. */
  readonly #ports = new Map<string, number>();

  constructor(config: BrokerConfig, log: Logger) {
    this.#config = config;
    this.#log = log.child({ part: 'net' });
    const { maxConnections, maxConnectionsPerIp, maxConnectionsPerIpOverrides, connectionsMaxIdleMs } =
      config.network;
    this.network = new Network({
      maxConnections,
      maxConnectionsPerIp,
      maxConnectionsPerIpOverrides,
      maxSockets: affordableSockets(descriptorLimit()),
      maxIdleMs: connectionsMaxIdleMs < 0 ? Number.POSITIVE_INFINITY : connectionsMaxIdleMs,
      onBug: (connection, err) =>
        this.#log.error(
          { client: connection.remoteHost, err },
          'a connection was closed by an error of ours',
        ),
      onClose: (connection, reason, err) =>
        this.#log.debug({ client: connection.remoteHost, reason, err }, 'connection closed'),
    });
  }

  #endpoints(): ReadonlyArray<readonly [Endpoint, Scope]> {
    const { listeners, controllerListeners } = this.#config.network;
    return [
      ...listeners.map((endpoint) => [endpoint, 'broker'] as const),
      ...controllerListeners.map((endpoint) => [endpoint, 'controller'] as const),
    ];
  }

  async openUnnumbered(tables: HandlerTables): Promise<void> {
    await this.#open(tables, ({ port }) => port === 0);
  }

  async openNumbered(tables: HandlerTables): Promise<void> {
    await this.#open(tables, ({ port }) => port !== 0);
  }

  async #open(tables: HandlerTables, isWanted: (endpoint: Endpoint) => boolean): Promise<void> {
    const { socketRequestMaxBytes, socketListenBacklogSize } = this.#config.network;
    for (const [endpoint, scope] of this.#endpoints()) {
      if (!isWanted(endpoint)) continue;
      const dispatcher = new Dispatcher({
        handlers: tables[scope],
        scope,
        nowMs: Date.now,
        log: this.#log,
      });
      const options = {
        name: endpoint.listenerName,
        maxRequestBytes: socketRequestMaxBytes,
        backlog: socketListenBacklogSize,
        open: (channel: Channel) => dispatcher.open(channel),
      };
      for (const [index, host] of bindAddresses(endpoint.host).entries()) {
        // The second address of a listener takes the port that the first one got.
        const port = this.#ports.get(endpoint.listenerName) ?? endpoint.port;
        try {
          const listener = await this.network.listen({ ...options, host, port });
          this.#ports.set(endpoint.listenerName, listener.port);
        } catch (error) {
          const isMissing = error instanceof ListenError && MISSING_FAMILY.includes(error.code);
          // A machine without IPv6 has one loopback address, and only IPv4 among all of them.
          if (!isMissing || (index === 0 && host !== '::')) throw error;
          if (host !== '::') continue;
          const listener = await this.network.listen({ ...options, host: '0.0.0.0', port });
          this.#ports.set(endpoint.listenerName, listener.port);
        }
      }
    }
  }

  /** What a registration says of this broker's listeners. */
  advertisedEndpoints(): Endpoint[] {
    return this.#config.network.advertisedListeners.map((endpoint) => this.#numbered(endpoint));
  }

  /** What a registration says of this controller's listeners; an address that means every one is the machine's name. */
  controllerEndpoints(): Endpoint[] {
    return this.#config.network.controllerListeners.map((endpoint) => ({
      ...this.#numbered(endpoint),
      host: isEveryAddress(endpoint.host) ? hostname() : endpoint.host,
    }));
  }

  #numbered(endpoint: Endpoint): Endpoint {
    if (endpoint.port !== 0) return endpoint;
    return { ...endpoint, port: this.#ports.get(endpoint.listenerName) ?? 0 };
  }

  /** For people: `PLAINTEXT://localhost:9092`. */
  advertised(): string[] {
    return this.advertisedEndpoints().map(printEndpoint);
  }

  close(): Promise<void> {
    return this.network.close();
  }
}
