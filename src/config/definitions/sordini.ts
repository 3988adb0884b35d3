// The keys of our own. They begin with `sordini.`, can't be changed at run time, and are described like Kafka's.

import type { ConfigDefinition } from '../definition.ts';
import { define, nonEmpty, oneOf } from '../definition.ts';

export const sordiniDefinitions: readonly ConfigDefinition[] = [
  define('sordini.cluster.id', 'string', null, 'medium', 'read-only', nonEmpty),
  define('sordini.durability', 'string', 'fsync', 'high', 'read-only', oneOf('fsync', 'kafka', 'memory')),
  define('sordini.log.format', 'string', 'auto', 'low', 'read-only', oneOf('auto', 'json', 'text')),
  define(
    'sordini.log.level',
    'string',
    'info',
    'medium',
    'read-only',
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
  ),
];
