/**
 * How many threads the process has for calls that block: file system, name look-ups, compression, key derivation.
 *
 * libuv starts four unless UV_THREADPOOL_SIZE says otherwise before the first of them is needed; as many flushes of one
 * slow disk would leave none for the others. scripts/start sets it in the environment, which always works; set from
 * within it comes too late on Node 20, whose module loader uses the pool before any module runs.
 */
import { DEFAULT_POOL_THREADS } from '../../storage/pool-lanes.ts';

/** Two quarters for two slow directories still leave half. A thread that has nothing to do costs some 10 kB. */
const WANTED_THREADS = 16;
/** libuv's own bound. */
const MAX_THREADS = 1024;
/** From here on modules are loaded without the pool. */
const NODE_WITHOUT_POOL_AT_START = 24;

const given = process.env['UV_THREADPOOL_SIZE'];

/** Asks for more threads, unless the environment has said how many; to be called before anything else. */
export function widenThreadPool(): void {
  if (given === undefined) process.env['UV_THREADPOOL_SIZE'] = `${WANTED_THREADS}`;
}

/** How many there are, as far as that can be known; a process that embeds the broker may have used the pool before. */
export function poolThreads(): number {
  if (given !== undefined) return Math.min(Math.max(Number.parseInt(given, 10) || 1, 1), MAX_THREADS);
  const isWidened = process.env['UV_THREADPOOL_SIZE'] === `${WANTED_THREADS}`;
  const major = Number.parseInt(process.versions.node, 10);
  return isWidened && major >= NODE_WITHOUT_POOL_AT_START ? WANTED_THREADS : DEFAULT_POOL_THREADS;
}
