/** kcat, the command line of librdkafka: the one on the PATH, or Debian's package unpacked into the cache. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { unpackDebian } from './debian.ts';
import type { Found } from './runtime.ts';
import { find, hasCommand, run } from './runtime.ts';

export interface Kcat {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

/** kcat and the libraries of its own that a plain machine lacks. */
const PACKAGES = ['kcat', 'librdkafka1', 'libyajl2'];

async function unpack(): Promise<Kcat> {
  const root = await unpackDebian('kcat', PACKAGES);
  const libraries = readdirSync(join(root, 'usr/lib')).map((name) => join(root, 'usr/lib', name));
  const kcat = { command: join(root, 'usr/bin/kcat'), env: { LD_LIBRARY_PATH: libraries.join(':') } };
  const { exitCode, stderr } = await run(kcat.command, ['-V'], { env: kcat.env });
  if (exitCode !== 0) throw new Error(stderr.trim());
  return kcat;
}

export function findKcat(): Promise<Found<Kcat>> {
  return find('kcat', async () =>
    (await hasCommand('kcat', ['-V'])) ? { command: 'kcat', env: {} } : unpack(),
  );
}
