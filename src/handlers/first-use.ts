/**
 * Requests that meet a topic which is made on first use, and wait for it.
 *
 * Kafka tells the request that creates a topic that it does not exist; clients complain in their logs and ask again,
 * kafkajs only after 300 ms. To answer a little later is all that it takes to spare them that.
 */
import type { Services } from './services.ts';

/** For as long as a first request may well wait, and no client gives up. */
const CREATION_WAIT_MS = 1000;

/** Resolves when the topics serve, or can't be made, or it takes too long. */
export function untilCreated(services: Services, names: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = services.timer.after(CREATION_WAIT_MS, resolve);
    services.autoCreation.create(names).then(resolve, reject).finally(cancel);
  });
}
