// Makes dist/: what the process and the package run, in few files. `npm run build` adds the declarations.
//
//   dist/main.js            the command
//   dist/index.js           the package
//   dist/cleaner-worker.js  the thread that compacts
//   dist/*-<hash>.js        what they share, and what only some commands load
//   dist/types/             declarations
//
// Few files, because a start finds, reads and links each module by itself: some 450 of them took a quarter of a
// start (docs/decisions/0014-few-files.md). Nothing is minified, so that a stack trace names our functions and lines; only
// comments go, because a process keeps its sources in memory. Packages stay where npm puts them.

import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const out = join(root, 'dist');

const build = await rolldown({
  cwd: root,
  input: {
    main: 'src/main.ts',
    index: 'src/index.ts',
    'cleaner-worker': 'storage/cleaner-worker.ts',
  },
  platform: 'node',
  // Whatever is not a path is a package or a part of Node.
  external: /^[^./]/,
  tsconfig: false,
  transform: { target: 'node20' },
});
rmSync(out, { recursive: true, force: true });
await build.write({
  dir: out,
  format: 'esm',
  comments: false,
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});
await build.close();
