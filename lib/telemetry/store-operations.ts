import type { Store } from '../store/store.ts'
import { type Metrics, NO_METRICS } from './metrics.ts'
import { NO_TRACING, type Tracing } from './tracing.ts'

export interface StoreObservers {
  metrics: Metrics
  tracing: Tracing
}

type Operation = (...args: never[]) => Promise<unknown>

/** The same store, each operation of which is timed and traced by its name alone; where nobody looks, itself. */
export function observeStore(store: Store, { metrics, tracing }: StoreObservers): Store {
  if (metrics === NO_METRICS && tracing === NO_TRACING) return store
  const { kind, close, ...operations } = store
  const system = kind === 'redis' ? 'redis' : 'sqlite'

  function observe(name: string, operation: Operation): Operation {
    const facts = { 'db.system.name': system, 'db.operation.name': name }
    const description = { name: `store ${name}`, kind: 'client', facts } as const
    return (...args) => tracing.trace(description, () => time(name, () => operation(...args)))
  }

  /** A store fails in one way only. */
  async function time<Answer>(name: string, work: () => Promise<Answer>): Promise<Answer> {
    const startedAt = performance.now()
    try {
      const answer = await work()
      metrics.noteStoreOperation(name, 'ok', performance.now() - startedAt)
      return answer
    } catch (error) {
      metrics.noteStoreOperation(name, 'unavailable', performance.now() - startedAt)
      throw error
    }
  }

  const observed = Object.entries(operations).map(([name, operation]) => [name, observe(name, operation)])
  return { kind, close, ...Object.fromEntries(observed) }
}
