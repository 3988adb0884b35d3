// All configuration keys by name: the 295 of a 3.7.0 broker, the three dynamic-only ones, our own, and the 31 of a topic.

import type { ConfigDefinition, TopicConfigDefinition } from '../definition.ts';
import { coordinatorDefinitions } from './coordinator.ts';
import { dynamicOnlyDefinitions } from './dynamic-only.ts';
import { logDefinitions } from './log.ts';
import { networkDefinitions } from './network.ts';
import { nodeDefinitions } from './node.ts';
import { operationDefinitions } from './operation.ts';
import { remoteLogDefinitions } from './remote-log.ts';
import { replicationDefinitions } from './replication.ts';
import { securityDefinitions } from './security.ts';
import { sordiniDefinitions } from './sordini.ts';
import { topicDefinitions } from './topic.ts';
import { zookeeperDefinitions } from './zookeeper.ts';

function byName<D extends ConfigDefinition>(...tables: (readonly D[])[]): ReadonlyMap<string, D> {
  const sorted = tables.flat().sort((a, b) => (a.name < b.name ? -1 : 1));
  return new Map(sorted.map((definition) => [definition.name, definition]));
}

/** The keys of Kafka's own broker configuration, 295 of them. */
export const kafkaDefinitions: ReadonlyMap<string, ConfigDefinition> = byName(
  coordinatorDefinitions,
  logDefinitions,
  networkDefinitions,
  nodeDefinitions,
  operationDefinitions,
  remoteLogDefinitions,
  replicationDefinitions,
  securityDefinitions,
  zookeeperDefinitions,
);

/** Every key that a properties file may set: Kafka's and our own, sorted by name. */
export const brokerDefinitions: ReadonlyMap<string, ConfigDefinition> = byName(
  [...kafkaDefinitions.values()],
  sordiniDefinitions,
);

export const dynamicOnly: ReadonlyMap<string, ConfigDefinition> = byName(dynamicOnlyDefinitions);

export const topicConfigDefinitions: ReadonlyMap<string, TopicConfigDefinition> = byName(topicDefinitions);

export const zookeeperKeys: ReadonlySet<string> = new Set(zookeeperDefinitions.map(({ name }) => name));
