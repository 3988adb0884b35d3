// Listeners as server.properties writes them: NAME://host:port, and the security protocol behind each name.
// Always true: listener names are upper case (ListenerName.normalised) and unique within one list.

import { ConfigError, requirement } from './config-error.ts';

export type SecurityProtocol = 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL';

export interface Endpoint {
  readonly listenerName: string;
  /** '' = every address of the machine. */
  readonly host: string;
  /** 0 = any free port; whoever binds it knows the real one. */
  readonly port: number;
  readonly securityProtocol: SecurityProtocol;
}

const SECURITY_PROTOCOLS: readonly string[] = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'];
const ENDPOINT = /^(.*):\/\/\[?([0-9a-zA-Z\-%._:]*)\]?:(-?[0-9]+)$/;
const IPV4 = /^[0-9]{1,3}(\.[0-9]{1,3}){3}$/;

const EVERY_ADDRESS: readonly string[] = ['', '0.0.0.0', '::'];

/** Nothing that a client could connect to. */
export const isEveryAddress = (host: string): boolean => EVERY_ADDRESS.includes(host);

/** The entries of a comma-separated list; empty ones are dropped (CoreUtils.parseCsvList). */
export function csvList(text: string | null): string[] {
  if (text === null) return [];
  return text
    .trim()
    .split(/\s*,\s*/)
    .filter((entry) => entry !== '');
}

export function listenerNameOf(text: string): string {
  const match = ENDPOINT.exec(text);
  if (match?.[1] === undefined) throw new ConfigError(`Unable to parse a listener name from ${text}`);
  return match[1].toUpperCase();
}

export function securityProtocolOf(name: string, key: string): SecurityProtocol {
  const upper = name.toUpperCase();
  if (!SECURITY_PROTOCOLS.includes(upper))
    throw new ConfigError(`Invalid security protocol \`${name}\` defined in ${key}`);
  return upper as SecurityProtocol;
}

export type SecurityProtocolMap = ReadonlyMap<string, SecurityProtocol>;

/**
 * The security protocol of each listener name. When the map was not set, every controller listener that is neither
 * a protocol name nor accompanied by TLS or SASL is PLAINTEXT (KafkaConfig.effectiveListenerSecurityProtocolMap).
 */
export function securityProtocolMap(
  text: string,
  given: boolean,
  listeners: string,
  controllerNames: readonly string[],
): SecurityProtocolMap {
  const key = 'listener.security.protocol.map';
  const map = new Map<string, SecurityProtocol>();
  for (const entry of csvList(text)) {
    const at = entry.lastIndexOf(':');
    if (at < 0)
      throw new ConfigError(
        `Error parsing configuration property '${key}': ${entry} is not of the form name:protocol`,
      );
    map.set(entry.slice(0, at).trim().toUpperCase(), securityProtocolOf(entry.slice(at + 1).trim(), key));
  }
  if (given) return map;
  const secured = (name: string) => name !== 'PLAINTEXT' && SECURITY_PROTOCOLS.includes(name);
  if (controllerNames.some(secured) || csvList(listeners).map(listenerNameOf).some(secured)) return map;
  for (const name of controllerNames) {
    if (name !== 'PLAINTEXT') map.set(name, 'PLAINTEXT');
  }
  return map;
}

function parseEndpoint(text: string, protocols: SecurityProtocolMap): Endpoint {
  const match = ENDPOINT.exec(text);
  if (match === null) throw new ConfigError(`Unable to parse ${text} to a broker endpoint`);
  const [, name = '', host = '', portText = ''] = match;
  const listenerName = name.toUpperCase();
  const securityProtocol = protocols.get(listenerName);
  if (securityProtocol === undefined)
    throw new ConfigError(`No security protocol defined for listener ${listenerName}`);
  const port = Number(portText);
  if (port < 0 || port > 65535)
    throw new ConfigError(`The port ${portText} of ${text} is not between 0 and 65535`);
  return { listenerName, host, port, securityProtocol };
}

function isIpAddress(host: string): boolean {
  return IPV4.test(host) || host.includes(':');
}

/** Two listeners may share a port only if one has an IPv4 and the other an IPv6 address (KIP-797). */
function checkDistinctPorts(endpoints: readonly Endpoint[], text: string): void {
  for (const port of new Set(endpoints.map((endpoint) => endpoint.port))) {
    const sharing = endpoints.filter((endpoint) => endpoint.port === port);
    if (port === 0 || sharing.length === 1) continue;
    const addresses = sharing.map(({ host }) => host).filter(isIpAddress);
    if (sharing.length === 2 && addresses.length === 2) {
      requirement(
        addresses.filter((host) => host.includes(':')).length === 1,
        `If you have two listeners on the same port then one needs to be IPv4 and the other IPv6, ` +
          `listeners: ${text}, port: ${port}`,
      );
    } else {
      requirement(false, `Each listener must have a different port, listeners: ${text}`);
    }
  }
}

export function parseEndpoints(
  text: string,
  protocols: SecurityProtocolMap,
  distinctPorts: boolean,
): Endpoint[] {
  let endpoints: Endpoint[];
  try {
    endpoints = csvList(text).map((entry) => parseEndpoint(entry, protocols));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`Error creating broker listeners from '${text}': ${error.message}`);
  }
  const names = new Set(endpoints.map(({ listenerName }) => listenerName));
  requirement(
    names.size === endpoints.length,
    `Each listener must have a different name, listeners: ${text}`,
  );
  if (distinctPorts) checkDistinctPorts(endpoints, text);
  return endpoints;
}

/**
 * The addresses to bind for a listener. `localhost` is both loopback addresses, so that a client reaches the broker
 * whichever of them it resolves the name to; no host is every address, IPv6 and IPv4.
 */
export function bindAddresses(host: string): readonly string[] {
  if (host === '') return ['::'];
  if (host === 'localhost') return ['127.0.0.1', '::1'];
  return [host];
}

/** NAME://host:port, an IPv6 address in brackets. */
export function printEndpoint({ listenerName, host, port }: Endpoint): string {
  return `${listenerName}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
