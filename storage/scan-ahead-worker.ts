/** The worker's side of looking at segments ahead of recovery: one job, and it ends. Loaded by scan-ahead-thread.ts alone. */

import { isMainThread, workerData } from 'node:worker_threads';
import { openNodeDisk } from './disk.ts';
import type { ScanAheadJob } from './scan-ahead.ts';
import { scanAhead } from './scan-ahead.ts';

if (!isMainThread) scanAhead(openNodeDisk(), workerData as ScanAheadJob);
