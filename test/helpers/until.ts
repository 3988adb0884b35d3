/** Waiting for what another process does: by asking again, never by a fixed time. */

const POLL_MS = 20;

/** Resolves when the condition holds; rejects when it does not within `timeoutMs`, so that a test can't hang. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
