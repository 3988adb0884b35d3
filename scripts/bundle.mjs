// Makes dist/: what the process and the package run, in few files. `npm run build` adds the declarations.
//
//   dist/main.js               the command
//   dist/index.js              the package
//   dist/cleaner-worker.js     the thread that compacts
//   dist/*-<hash>.js           what they share, and what only some commands load
//   dist/scan-ahead-worker.js  the thread that helps a start to check what a kill left; all by itself
//   dist/types/                declarations
//
// Few files, because a start finds, reads and links each module by itself: some 450 of them took a quarter of a
// start (docs/decisions/0014-few-files.md). The thread that a start waits for shares none, so that it has to load little,
// and leaves the others as few as they are. Nothing is minified, so that a stack trace names our functions and lines; only
// comments go, because a process keeps its sources in memory. Packages stay where npm puts them.

import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'dist');

async function bundle(input) {
  const build = await rolldown({
    cwd: root,
    input,
    platform: 'node',
    // Whatever is not a path is a package or a part of Node.
    external: /^[^./]/,
    tsconfig: false,
    transform: { target: 'node20' },
  });
  await build.write({
    dir: out,
    format: 'esm',
    comments: false,
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
  });
  await build.close();
}

rmSync(out, { recursive: true, force: true });
await bundle({
  main: 'src/main.ts',
  index: 'src/index.ts',
  'cleaner-worker': 'storage/cleaner-worker.ts',
});
await bundle({ 'scan-ahead-worker': 'storage/scan-ahead-worker.ts' });
