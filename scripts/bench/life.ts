/** The life of a server that is started anew for one round of a row, and alone on the machine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Figures } from './compare.ts';
import type { Contender, Installation, Server } from './servers.ts';

/** One server's life in one round: whatever it still runs is ended with it. */
export class Life {
  readonly #installation: Installation;
  #server: Server | null = null;

  constructor(installation: Installation) {
    this.#installation = installation;
  }

  async start(until?: (port: number) => Promise<void>): Promise<Server> {
    this.#server = await this.#installation.start(until);
    return this.#server;
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    await this.#server?.stop(signal);
    this.#server = null;
  }
}

/** Runs `run` with a server in a directory of its own; neither outlives it. */
export async function live(
  contender: Contender,
  parent: string,
  run: (life: Life, dir: string) => Promise<Figures>,
): Promise<Figures> {
  const dir = mkdtempSync(join(parent, 'lone-'));
  const life = new Life(await contender.install(dir));
  try {
    return await run(life, dir);
  } finally {
    await life.stop('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  }
}
