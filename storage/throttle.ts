/**
 * How long to wait so that no more than so many bytes a second go by, over all threads that share an account.
 *
 * Always true: bytes are paid for after they went; a pause in the work is not saved up for later. The account is the
 * moment up to which all bytes are paid for, in microseconds of the system's monotonic clock, which is the same in every
 * thread.
 */

/** Where a rate lets nothing through: nobody waits for longer. */
const LONGEST_MICROS = 1e13;

/** Made by whoever starts the threads. */
export const throttleAccount = (): SharedArrayBuffer =>
  new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);

export class Throttle {
  readonly #bytesPerSecond: number;
  readonly #paidUntilMicros: BigInt64Array<SharedArrayBuffer>;

  constructor(bytesPerSecond: number, account: SharedArrayBuffer) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#paidUntilMicros = new BigInt64Array(account);
  }

  /** The wait that `bytes` cost at the moment `nowMicros`, in milliseconds. */
  delayMs(bytes: number, nowMicros = process.hrtime.bigint() / 1000n): number {
    const cost = costMicros(bytes, this.#bytesPerSecond);
    for (;;) {
      const paid = Atomics.load(this.#paidUntilMicros, 0);
      const next = (paid > nowMicros ? paid : nowMicros) + cost;
      if (Atomics.compareExchange(this.#paidUntilMicros, 0, paid, next) !== paid) continue;
      return Number(next - nowMicros) / 1000;
    }
  }
}

function costMicros(bytes: number, bytesPerSecond: number): bigint {
  const micros = bytesPerSecond <= 0 ? LONGEST_MICROS : (bytes / bytesPerSecond) * 1e6;
  // A rate that is no number bounds nothing, as in Kafka, where no comparison with it is true.
  return Number.isNaN(micros) ? 0n : BigInt(Math.round(Math.min(micros, LONGEST_MICROS)));
}
