/** libfaketime, which gives a process another clock: the installed one, or Debian's package unpacked into the cache. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { unpackDebian } from './debian.ts';
import type { Found } from './runtime.ts';
import { find } from './runtime.ts';

/** The path of the library under a root of a system, in whichever folder its architecture has. */
function libraryUnder(root: string): string | undefined {
  const lib = join(root, 'usr/lib');
  if (!existsSync(lib)) return undefined;
  return ['', ...readdirSync(lib).filter((name) => name.includes('-linux-'))]
    .map((name) => join(lib, name, 'faketime/libfaketime.so.1'))
    .find((path) => existsSync(path));
}

export function findFaketime(): Promise<Found<string>> {
  return find('libfaketime', async () => {
    const path = libraryUnder('/') ?? libraryUnder(await unpackDebian('libfaketime', ['libfaketime']));
    if (path === undefined) throw new Error('the package has no libfaketime.so.1');
    return path;
  });
}
