import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const MEBI = 1024 * 1024

/** How much may be in use at once, and how many may wait for more. */
export interface Limits {
  total: number
  perUser: number
  maxWaiting: number
  maxWaitingPerUser: number
  maxWaitMs: number
}

export interface BudgetLimits {
  /** Requests to Sentry. */
  requests: Limits
  /** Bytes of memory for large responses. */
  memory: Limits
}

const DEFAULT_BUDGET: BudgetLimits = {
  requests: { total: 64, perUser: 8, maxWaiting: 512, maxWaitingPerUser: 64, maxWaitMs: 20_000 },
  memory: {
    total: 64 * MEBI,
    perUser: 48 * MEBI,
    maxWaiting: 128,
    maxWaitingPerUser: 32,
    maxWaitMs: 45_000,
  },
}

/** What a byte of a large response takes until ours was sent: as buffers, text, parsed value, result and JSON. */
const MEMORY_PER_BYTE = 8

/** This server has too much to do with Sentry at the moment; nothing was sent. The message is fit for a model. */
export class UpstreamBusyError extends Error {
  override readonly name = 'UpstreamBusyError'
  readonly retryAfterSeconds: number

  constructor(retryAfterSeconds: number) {
    super(
      `This server has as much to do with Sentry as it takes at once. Try again in ${retryAfterSeconds} seconds, with fewer calls at the same time.`,
    )
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** The requests to Sentry and the large responses of all tool calls of a process. */
export interface UpstreamBudget {
  /** The share of one request; it has to be closed when its response was sent. */
  open(subject: string, signal: AbortSignal): BudgetShare
}

/**
 * A request with a large response waits for nothing else, so requests cannot wait for each other. Both methods reject
 * with `UpstreamBusyError`, or with the reason of the signal.
 */
export interface BudgetShare {
  /** Waits for the turn of a request to Sentry. Returns what ends it. */
  beginRequest(): Promise<() => void>
  /** Waits until a response of so many bytes may be read. False if the request would hold too much. */
  reserve(bytes: number): Promise<boolean>
  /** Says how long a response was that `reserve` expected to be longer. */
  release(bytes: number): void
  close(): void
}

export function createUpstreamBudget({ requests, memory }: BudgetLimits = DEFAULT_BUDGET): UpstreamBudget {
  const [requestQueue, memoryQueue] = [createFairQueue(requests), createFairQueue(memory)]

  function open(subject: string, signal: AbortSignal): BudgetShare {
    let place: Promise<Place> | undefined

    return {
      async beginRequest() {
        if (place !== undefined) return () => undefined
        const request = await requestQueue.enter(subject, 1, signal)
        return () => request.resize(0)
      },
      async reserve(bytes) {
        const weight = bytes * MEMORY_PER_BYTE
        if (place === undefined) {
          place = memoryQueue.enter(subject, weight, signal)
          // Without a place it is as if it never asked.
          place.catch(() => {
            place = undefined
          })
          await place
          return true
        }
        const held = await place
        if (held.weight + weight > Math.max(memory.perUser, held.weight)) return false
        held.resize(held.weight + weight)
        return true
      },
      release(bytes) {
        place?.then((held) => held.resize(Math.max(held.weight - bytes * MEMORY_PER_BYTE, 0)), ignore)
      },
      close() {
        place?.then(async (held) => {
          // Until the next turn, the request that ends still refers to its response.
          await setImmediate()
          collectGarbage()
          held.resize(0)
        }, ignore)
      },
    }
  }

  return { open }
}

function ignore(): void {}

/**
 * What a large response leaves behind is freed before the next one is admitted. V8 on its own waits until the heap has
 * grown by half, so a few of them would take several times the budget. It takes a tenth of a second, as long as parsing
 * such a response.
 */
function collectGarbage(): void {
  collector ??= exposeCollector()
  collector()
}

let collector: (() => void) | undefined

/** Node.js has the function only with --expose-gc, which can be set later for new contexts. */
function exposeCollector(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}

/** What is in use for one request or call. */
interface Place {
  readonly weight: number
  resize(weight: number): void
}

interface Waiter {
  weight: number
  admit(): void
}

/**
 * Admits users in turn, and the waiters of each in order. A waiter that does not fit holds up those behind it, so a
 * large one is not overtaken for ever; one that only its own user's limit holds up does not. What is larger than a limit
 * is admitted alone.
 */
function createFairQueue({ total, perUser, maxWaiting, maxWaitingPerUser, maxWaitMs }: Limits) {
  const inUse = new Map<string, number>()
  /** In the order of their turns. */
  const waiting = new Map<string, Waiter[]>()
  let used = 0

  function add(user: string, weight: number): void {
    used += weight
    const own = (inUse.get(user) ?? 0) + weight
    if (own === 0) inUse.delete(user)
    else inUse.set(user, own)
  }

  function fits(user: string, weight: number): boolean {
    const own = inUse.get(user) ?? 0
    return own === 0 || own + weight <= perUser
  }

  function findNext(): [string, Waiter] | undefined {
    for (const [user, [first]] of waiting) {
      if (first !== undefined && fits(user, first.weight)) {
        return used === 0 || used + first.weight <= total ? [user, first] : undefined
      }
    }
    return undefined
  }

  function advance(): void {
    for (let next = findNext(); next !== undefined; next = findNext()) {
      const [user, waiter] = next
      leave(user, waiter)
      const others = waiting.get(user)
      if (others !== undefined) {
        waiting.delete(user)
        waiting.set(user, others)
      }
      add(user, waiter.weight)
      waiter.admit()
    }
  }

  function leave(user: string, waiter: Waiter): void {
    const rest = (waiting.get(user) ?? []).filter((other) => other !== waiter)
    if (rest.length === 0) waiting.delete(user)
    else waiting.set(user, rest)
  }

  function isCrowded(user: string): boolean {
    const count = waiting.values().reduce((sum, { length }) => sum + length, 0)
    return count > maxWaiting || (waiting.get(user)?.length ?? 0) > maxWaitingPerUser
  }

  function createPlace(user: string, weight: number): Place {
    let current = weight
    return {
      get weight() {
        return current
      },
      resize(next) {
        add(user, next - current)
        current = next
        advance()
      },
    }
  }

  /** Waits for a place. Rejects with `UpstreamBusyError`, or with the reason of `signal`. */
  function enter(user: string, weight: number, signal: AbortSignal): Promise<Place> {
    const { promise, resolve, reject } = Promise.withResolvers<Place>()
    const busy = () => give(new UpstreamBusyError(Math.ceil(maxWaitMs / 1000)))
    const abort = () => give(signal.reason)
    const timer = setTimeout(busy, maxWaitMs)
    const waiter: Waiter = {
      weight,
      admit() {
        settle()
        resolve(createPlace(user, weight))
      },
    }

    function settle(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }

    function give(reason: unknown): void {
      settle()
      leave(user, waiter)
      reject(reason)
      // It may have held up others.
      advance()
    }

    if (signal.aborted) {
      abort()
      return promise
    }
    signal.addEventListener('abort', abort, { once: true })
    waiting.set(user, [...(waiting.get(user) ?? []), waiter])
    advance()
    if (waiting.get(user)?.includes(waiter) && isCrowded(user)) busy()
    return promise
  }

  return { enter }
}
