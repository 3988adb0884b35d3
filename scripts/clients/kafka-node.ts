/** kafka-node 5.0.0, the client of the years before kafkajs: it speaks message formats 0 and 1 only. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Found } from './runtime.ts';
import { cached, find, must } from './runtime.ts';

/** Where its package lies; `createRequire` of a file in there loads it. */
export function findKafkaNode(): Promise<Found<NodeJS.Require>> {
  return find('kafka-node', async () => {
    const dir = await cached('kafka-node-5.0.0', async (own) => {
      // Its optional native snappy is left out: nothing of it is compiled.
      const args = [
        'install',
        '--prefix',
        own,
        '--no-save',
        '--ignore-scripts',
        '--omit=optional',
        '--no-audit',
      ];
      await must('npm', [...args, '--no-fund', 'kafka-node@5.0.0'], { cwd: own });
    });
    return createRequire(join(dir, 'node_modules', 'index.js'));
  });
}
