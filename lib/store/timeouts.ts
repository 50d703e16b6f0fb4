import { StoreUnavailableError } from './store.ts'

/** How long an operation may take before the store counts as unavailable. */
const OPERATION_TIMEOUT_MS = 2_000

type Operation = (...args: never[]) => Promise<unknown>

/** The same operations, each of which ends within 2 s and fails with `StoreUnavailableError` only. */
export function applyTimeouts<Operations extends object>(operations: Operations): Operations {
  const apply = ([name, operation]: [string, Operation]) => [
    name,
    (...args: never[]) => limitTime(operation(...args)),
  ]
  return Object.fromEntries(Object.entries(operations).map(apply)) as Operations
}

async function limitTime<Result>(operation: Promise<Result>): Promise<Result> {
  const { promise: timeout, reject } = Promise.withResolvers<never>()
  const onTimeout = () => reject(new Error(`No response within ${OPERATION_TIMEOUT_MS} ms.`))
  const timer = setTimeout(onTimeout, OPERATION_TIMEOUT_MS)
  try {
    return await Promise.race([operation, timeout])
  } catch (error) {
    throw new StoreUnavailableError(removeCommand(error))
  } finally {
    clearTimeout(timer)
  }
}

/** ioredis attaches the command to its errors, and a logger would print its arguments. */
function removeCommand(error: unknown): unknown {
  if (error instanceof Error) Reflect.deleteProperty(error, 'command')
  return error
}
