import { StoreUnavailableError } from './store.ts'

/** How long an operation may take before the store counts as away, in ms. */
export const OPERATION_DEADLINE = 2_000

type Operation = (...args: never[]) => Promise<unknown>

/**
 * The same operations, each of which ends within `OPERATION_DEADLINE` and can fail with `StoreUnavailableError`
 * only.
 */
export function guardOperations<Operations extends object>(operations: Operations): Operations {
  const guard = ([name, operation]: [string, Operation]) => [
    name,
    (...args: never[]) => meetDeadline(operation(...args)),
  ]
  return Object.fromEntries(Object.entries(operations).map(guard)) as Operations
}

async function meetDeadline<Answer>(answer: Promise<Answer>): Promise<Answer> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const giveUp = () => reject(new Error(`No answer in ${OPERATION_DEADLINE} ms.`))
  const timer = setTimeout(giveUp, OPERATION_DEADLINE)
  try {
    return await Promise.race([answer, late])
  } catch (error) {
    throw new StoreUnavailableError(withoutCommand(error))
  } finally {
    clearTimeout(timer)
  }
}

/** ioredis hangs the command on its errors, where a logger would find the arguments and print them. */
function withoutCommand(error: unknown): unknown {
  if (error instanceof Error) Reflect.deleteProperty(error, 'command')
  return error
}
