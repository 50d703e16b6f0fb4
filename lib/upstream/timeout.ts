/** The time that one request may take. */
export interface Timeout {
  /** Aborts when the time is over, and with one of the sources. */
  readonly signal: AbortSignal
  readonly isOver: boolean
  start(): void
  stop(): void
  /** The request is over. */
  close(): void
}

/**
 * A timeout that has started, and that waiting for other calls can stop. `AbortSignal.any` would do for the sources, but
 * what it refers to weakly stays until V8's next full collection.
 */
export function createTimeout(timeoutMs: number, sources: readonly unknown[]): Timeout {
  const controller = new AbortController()
  const signals = sources.filter((source) => source instanceof AbortSignal)
  const abort = ({ target }: Event) => controller.abort((target as AbortSignal).reason)
  let isOver = false
  let timer: NodeJS.Timeout | undefined
  const timeout = {
    signal: controller.signal,
    get isOver() {
      return isOver
    },
    start() {
      timer = setTimeout(() => {
        isOver = true
        controller.abort()
      }, timeoutMs)
    },
    stop: () => clearTimeout(timer),
    close() {
      clearTimeout(timer)
      for (const signal of signals) signal.removeEventListener('abort', abort)
    },
  }
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason)
    else signal.addEventListener('abort', abort, { once: true })
  }
  timeout.start()
  return timeout
}
