/** Brokers as a client of one listener sees them. */
import type { EndpointImage, MetadataImage } from '../metadata/image.ts';

export interface Node {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

/** The broker, fenced or not, where it has this listener; undefined otherwise. */
export function nodeOf(image: MetadataImage, brokerId: number, listenerName: string): Node | undefined {
  const broker = image.broker(brokerId);
  const endpoint = broker?.endpoints.find(({ name }: EndpointImage) => name === listenerName);
  if (broker === undefined || endpoint === undefined) return undefined;
  return { nodeId: brokerId, host: endpoint.host, port: endpoint.port, rack: broker.rack };
}

/** The brokers that may be talked to: not fenced, and with this listener. */
export function aliveNodes(image: MetadataImage, listenerName: string): Node[] {
  const nodes: Node[] = [];
  for (const broker of image.brokers.values()) {
    const node = broker.fenced ? undefined : nodeOf(image, broker.id, listenerName);
    if (node !== undefined) nodes.push(node);
  }
  return nodes;
}

/** In KRaft clients are told some live broker as the controller: any of them forwards. -1 when there is none. */
export function someController(image: MetadataImage, randomInt: (below: number) => number): number {
  const alive = [...image.brokers.values()].filter((broker) => !broker.fenced);
  return alive.length === 0 ? -1 : (alive[randomInt(alive.length)]?.id ?? -1);
}
