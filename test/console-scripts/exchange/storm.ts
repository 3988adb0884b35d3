/** Writing until the broker is gone, whether it is stopped or killed: what it acknowledged is there afterwards. */
import { expect } from 'vitest';
import { fetch, produce } from '../../helpers/data-client.ts';
import { until } from '../../helpers/until.ts';
import { WireClient } from '../../helpers/wire-client.ts';
import type { Client } from './client.ts';
import { createTopic } from './story.ts';
import { STORM } from './world.ts';

const WRITERS = 4;
const ENOUGH = 50;

export class Storm {
  readonly #acknowledged = new Map<number, string>();
  #sent = 0;
  #isMade = false;
  #writers: readonly Promise<void>[] = [];

  async prepare(client: Client): Promise<void> {
    if (this.#isMade) return;
    await createTopic(client, STORM, 1, { 'segment.bytes': '20000', 'retention.ms': '-1' });
    this.#isMade = true;
  }

  /** Resolves when the writing is well under way. */
  async begin(port: number): Promise<void> {
    const enough = this.#acknowledged.size + ENOUGH;
    this.#writers = Array.from({ length: WRITERS }, () => this.#write(port));
    await until(() => this.#acknowledged.size >= enough);
  }

  /** Resolves when the writers have seen the end of the broker. */
  async ended(): Promise<void> {
    await Promise.all(this.#writers);
  }

  async #write(port: number): Promise<void> {
    const client = await WireClient.connect(port);
    for (;;) {
      const value = `value ${this.#sent++} `.repeat(5);
      const answer = await produce(client, STORM, [value]).catch(() => null);
      if (answer === null) break;
      if (answer.errorCode === 0) this.#acknowledged.set(answer.baseOffset, value);
    }
    client.close();
  }

  /** What was acknowledged is where it was said to be, and nothing is there twice. */
  async check(client: Client): Promise<void> {
    if (!this.#isMade) return;
    const found = new Map<number, string>();
    for (let offset = 0; ; ) {
      const { errorCode, records } = await fetch(client.wire, STORM, offset);
      expect(errorCode).toBe(0);
      for (const record of records) {
        expect(record.offset).toBe(offset++);
        found.set(record.offset, record.value);
      }
      if (records.length === 0) break;
    }
    const lost = [...this.#acknowledged].filter(([offset, value]) => found.get(offset) !== value);
    expect(lost).toEqual([]);
    expect(new Set(found.values()).size).toBe(found.size);
  }
}
