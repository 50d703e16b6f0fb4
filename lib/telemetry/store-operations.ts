import type { Store } from '../store/store.ts'
import { type Metrics, NO_METRICS } from './metrics.ts'
import { NO_TRACING, type Tracing } from './tracing.ts'

export interface StoreObservers {
  metrics: Metrics
  tracing: Tracing
}

type Operation = (...args: never[]) => Promise<unknown>

/** The same store with every operation timed and traced by name; the store itself when both are switched off. */
export function observeStore(store: Store, { metrics, tracing }: StoreObservers): Store {
  if (metrics === NO_METRICS && tracing === NO_TRACING) return store
  const { kind, close, ...operations } = store
  const system = kind === 'redis' ? 'redis' : 'sqlite'

  function observe(name: string, operation: Operation): Operation {
    const attributes = { 'db.system.name': system, 'db.operation.name': name }
    const description = { name: `store ${name}`, kind: 'client', attributes } as const
    return (...args) => tracing.trace(description, () => time(name, () => operation(...args)))
  }

  /** `StoreUnavailableError` is the only error of a store. */
  async function time<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const startedAt = performance.now()
    try {
      const result = await work()
      metrics.recordStoreOperation(name, 'ok', performance.now() - startedAt)
      return result
    } catch (error) {
      metrics.recordStoreOperation(name, 'unavailable', performance.now() - startedAt)
      throw error
    }
  }

  const observed = Object.entries(operations).map(([name, operation]) => [name, observe(name, operation)])
  return { kind, close, ...Object.fromEntries(observed) }
}
