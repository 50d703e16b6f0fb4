import { setTimeout as sleep } from 'node:timers/promises'

/** Long enough for a busy machine, short enough for a test. */
const UNTIL_TIMEOUT_MS = 20_000

/**
 * Waits until a condition holds; throws, naming `what`, when it does not in time. A condition that throws does
 * not hold.
 */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs = UNTIL_TIMEOUT_MS,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await condition().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}.`)
    await sleep(50)
  }
}

/** The time until a condition held, in ms; undefined when it did not within `timeoutMs`. */
export async function timeUntil(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<number | undefined> {
  const startedAt = Date.now()
  while (!(await condition())) {
    if (Date.now() - startedAt > timeoutMs) return undefined
    await sleep(10)
  }
  return Date.now() - startedAt
}
