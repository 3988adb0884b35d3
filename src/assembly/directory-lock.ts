/**
 * One process per data directory.
 *
 * Kafka takes a POSIX lock on `.lock`, which Node can't. Instead the broker binds an abstract Unix socket named after
 * the real path of the directory: the kernel gives a name to one process at a time and takes it back when the process
 * ends, however it ends. Only Linux has such sockets; elsewhere nothing guards the directory, and Apache's own tools
 * do not see this lock anywhere.
 */
import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { ExitCode, StartupError } from '../startup-error.ts';

function bind(directory: string): Promise<Server> {
  const name = createHash('sha256').update(realpathSync(directory)).digest('hex');
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(`\0sordini-${name}`, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** Makes the directories where they are missing, and takes them. @throws {StartupError} when another process has one. */
export async function lockDirectories(
  directories: readonly string[],
  makeDirectory: (path: string) => void,
): Promise<() => void> {
  const held: Server[] = [];
  const unlock = (): void => {
    for (const server of held) server.close();
  };
  for (const directory of new Set(directories)) {
    makeDirectory(directory);
    if (process.platform !== 'linux') continue;
    try {
      held.push(await bind(directory));
    } catch (error) {
      unlock();
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      throw new StartupError(
        ExitCode.DIRECTORY_UNUSABLE,
        `Another broker runs with the directory ${directory}: stop it, or choose another with log.dirs.`,
      );
    }
  }
  return unlock;
}
