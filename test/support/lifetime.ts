import type { Lifetime } from './service.ts'

/** The lifetime of a program, which has no test to end with. What began last ends first. */
export function createLifetime(closing: AsyncDisposableStack): Lifetime {
  return {
    teardown(end) {
      closing.defer(async () => {
        await end()
      })
    },
  }
}
