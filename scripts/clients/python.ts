/** Python with a package of the Python Package Index, fetched into the cache. */
import { join } from 'node:path';
import type { Found } from './runtime.ts';
import { cached, find, must } from './runtime.ts';

export interface Python {
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A Python that has the package. The folder is made by a virtual environment's pip and then moved, which such an
 * environment itself would not survive: so only the packages stay, and the system's Python is pointed at them.
 */
export function findPython(requirement: string): Promise<Found<Python>> {
  const name = `python-${requirement.replaceAll(/[^\w.-]+/g, '-')}`;
  return find(`Python with ${requirement}`, async () => {
    const dir = await cached(name, async (own) => {
      const venv = join(own, 'venv');
      await must('python3', ['-m', 'venv', venv]);
      const pip = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--no-input'];
      await must(join(venv, 'bin', 'python3'), [...pip, '--target', join(own, 'packages'), requirement]);
    });
    return { command: 'python3', env: { PYTHONPATH: join(dir, 'packages') } };
  });
}
