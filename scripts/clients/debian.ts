/** Packages of Debian unpacked into the cache, for machines where they are not installed; nothing of the system changes. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cached, must } from './runtime.ts';

/** The folder that stands for the root of a system on which the packages are installed. */
export async function unpackDebian(name: string, packages: readonly string[]): Promise<string> {
  const dir = await cached(name, async (own) => {
    await must('apt-get', ['download', ...packages], { cwd: own });
    for (const file of readdirSync(own)) {
      if (file.endsWith('.deb')) await must('dpkg-deb', ['-x', file, 'root'], { cwd: own });
    }
  });
  return join(dir, 'root');
}
