import { setTimeout as sleep } from 'node:timers/promises'

/** How long it took until a condition held, in ms; undefined when it did not within `patience` ms. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  patience = 10_000,
): Promise<number | undefined> {
  const startedAt = Date.now()
  while (!(await condition())) {
    if (Date.now() - startedAt > patience) return undefined
    await sleep(10)
  }
  return Date.now() - startedAt
}
