/**
 * One process per data directory.
 *
 * Two things are taken. An abstract Unix socket named after the real path of the directory keeps our own brokers apart,
 * those of one process included: the kernel gives a name to one holder at a time. A POSIX lock on the file `.lock` keeps
 * Apache Kafka and us apart, both ways: Java's FileChannel.lock is the same fcntl(2). Node can't take one, so it is
 * called through the C library (net/libc.ts); where that can't be had, or the file system has no locks, the socket alone
 * guards. Both are Linux's; elsewhere nothing guards the directory.
 *
 * Always true: the kernel takes both back when the process ends, however it ends. The socket comes first: a process that
 * closes any descriptor of `.lock` loses its lock on it, so nobody in a process opens the file whose socket is taken.
 */
import { createHash } from 'node:crypto';
import { closeSync, openSync, realpathSync } from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { joinPath, LOCK_FILE } from '../../storage/layout.ts';
import { loadLibC } from '../net/libc.ts';
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

/** Takes an exclusive lock on a whole open file without waiting: 0, or the system's number of the error. */
type LockFile = (descriptor: number) => number;

const F_SETLK = 6;
const F_WRLCK = 1;
const EAGAIN = 11;
const EACCES = 13;
/** struct flock: type int16, whence int16, start int64 at 8, length int64 at 16 (0 = to the end), pid int32. */
const FLOCK_BYTES = 32;

function loadLockFile(): LockFile | null {
  const libc = loadLibC();
  if (libc === null) return null;
  try {
    // The layout and the numbers are those of every 64-bit Linux that the library is installed for.
    const call = libc.func('int fcntl(int descriptor, int command, void *lock)');
    const lock = Buffer.alloc(FLOCK_BYTES);
    lock.writeInt16LE(F_WRLCK, 0);
    return (descriptor) => (call(descriptor, F_SETLK, lock) === 0 ? 0 : libc.errno());
  } catch {
    return null;
  }
}

/** The open descriptor that holds the lock, null where none can be had. @throws when another process has it. */
function takeFile(directory: string, lockFile: LockFile | null): number | null {
  const descriptor = lockFile === null ? null : openLockFile(directory);
  if (lockFile === null || descriptor === null) return null;
  const errno = lockFile(descriptor);
  if (errno === 0) return descriptor;
  closeSync(descriptor);
  if (errno === EAGAIN || errno === EACCES) throw inUse(directory);
  return null;
}

/** A directory where no file can be opened is judged by whoever wants to keep records in it. */
function openLockFile(directory: string): number | null {
  try {
    return openSync(joinPath(directory, LOCK_FILE), 'a+', 0o644);
  } catch {
    return null;
  }
}

/** The first sentence is Kafka's. */
const inUse = (directory: string): StartupError =>
  new StartupError(
    ExitCode.DIRECTORY_UNUSABLE,
    `Failed to acquire lock on file .lock in ${directory}. A Kafka instance in another process or thread is using ` +
      'this directory. Stop it, or choose another directory with log.dirs.',
  );

/** Makes the directories where they are missing, and takes them. @throws {StartupError} when another process has one. */
export async function lockDirectories(
  directories: readonly string[],
  makeDirectory: (path: string) => void,
): Promise<() => void> {
  const lockFile = loadLockFile();
  const sockets: Server[] = [];
  const descriptors: number[] = [];
  const unlock = (): void => {
    for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
    for (const socket of sockets.splice(0)) socket.close();
  };
  for (const directory of new Set(directories)) {
    makeDirectory(directory);
    if (process.platform !== 'linux') continue;
    try {
      sockets.push(await bind(directory));
      const descriptor = takeFile(directory, lockFile);
      if (descriptor !== null) descriptors.push(descriptor);
    } catch (error) {
      unlock();
      throw (error as NodeJS.ErrnoException).code === 'EADDRINUSE' ? inUse(directory) : error;
    }
  }
  return unlock;
}
