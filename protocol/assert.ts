/**
 * Assertions: the third tier of failure. A failed assertion is a bug of ours, never bad input from a client.
 *
 * Always true: messages are constant strings, so that an assertion that holds costs next to nothing.
 */

/** What a failed assertion throws. Whoever catches it takes the partition offline or ends the process. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Throws `AssertionError` unless `condition` is truthy, and narrows types where it is. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) {
    throw new AssertionError(message);
  }
}

/** Ends an exhaustive `switch`: the compiler proves that no value gets here. */
export function unreachable(value: never): never {
  throw new AssertionError(`Unreachable value: ${String(value)}`);
}
