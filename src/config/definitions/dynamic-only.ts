// The three keys that exist only as dynamic broker configs (DynamicConfig.Broker): throttles of replication traffic.

import type { ConfigDefinition } from '../definition.ts';
import { atLeast, define } from '../definition.ts';

const UNLIMITED = '9223372036854775807';

export const dynamicOnlyDefinitions: readonly ConfigDefinition[] = [
  define('follower.replication.throttled.rate', 'long', UNLIMITED, 'medium', 'cluster-wide', atLeast(0)),
  define('leader.replication.throttled.rate', 'long', UNLIMITED, 'medium', 'cluster-wide', atLeast(0)),
  define(
    'replica.alter.log.dirs.io.max.bytes.per.second',
    'long',
    UNLIMITED,
    'medium',
    'cluster-wide',
    atLeast(0),
  ),
];
