import type { Test } from 'tap'

/** What a helper's server or process ends with: a test, or a program. */
export type Lifetime = Pick<Test, 'teardown'>

/** The lifetime of a program, which has no test to end with. What was started last ends first. */
export function createLifetime(closing: AsyncDisposableStack): Lifetime {
  return {
    teardown(end) {
      closing.defer(async () => {
        await end()
      })
    },
  }
}
