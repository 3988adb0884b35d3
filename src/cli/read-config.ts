/**
 * The configuration of this node from the file, the environment and the command line of this process.
 */
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { LoadedConfig } from '../config/load.ts';
import { loadBrokerConfig } from '../config/load.ts';
import { ExitCode, StartupError } from '../startup-error.ts';

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : `${error}`;
    throw new StartupError(
      ExitCode.BAD_CONFIGURATION,
      `The configuration file ${file} can't be read: ${reason}.`,
      { cause: error },
    );
  }
}

/** Whether this machine finds itself by its name; a laptop often does not. */
async function resolves(name: string): Promise<boolean> {
  try {
    await lookup(name);
    return true;
  } catch {
    return false;
  }
}

/** @throws {ConfigError | StartupError} */
export async function readConfig(file: string | null, overrides: readonly string[]): Promise<LoadedConfig> {
  const hostName = hostname();
  const sources = {
    ...(file === null ? {} : { properties: readText(file) }),
    overrides,
    env: process.env,
    hostName,
  };
  const loaded = loadBrokerConfig(sources);
  const advertisesName = loaded.config.network.advertisedListeners.some(({ host }) => host === hostName);
  if (!advertisesName || (await resolves(hostName))) return loaded;
  // Clients on this machine must find the broker even where the machine's name leads nowhere.
  return loadBrokerConfig({ ...sources, hostName: 'localhost' });
}
