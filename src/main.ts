#!/usr/bin/env node
/**
 * The entry of the process: names it, reads the command line, runs the command, sets the exit code.
 *
 * Always true: what a user did wrong is one sentence on standard error; the exit code is one of src/startup-error.ts.
 */
import { parseArguments } from './cli/arguments.ts';
import { widenThreadPool } from './cli/pool-threads.ts';
import { nameProcess } from './cli/process-title.ts';
import { runCommand } from './cli/run.ts';

widenThreadPool();
nameProcess();
const command = parseArguments(process.argv.slice(2));
const exitCode = await runCommand(command);
// A broker that has stopped has nothing more to say; whatever still holds the event loop must not hold the process.
if (command.name === 'start') process.exit(exitCode);
process.exitCode = exitCode;
