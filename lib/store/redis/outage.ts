import type { FastifyBaseLogger } from 'fastify'

export type RedisLog = Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>

/** Whether a server is unavailable, and why. */
export interface Outage {
  /** Why it is unavailable, without secrets; undefined while it is available. */
  readonly cause: string | undefined
  /** A string is the cause as it is logged. */
  begin(error: Error | string): void
  end(): void
}

/**
 * Logs the outages of a server: one line for each cause and one for the end, not one for every attempt. `server` completes
 * "… is not available" and "Connected to …"; `level` is that of an outage.
 */
export function createOutage(server: string, log: RedisLog, level: 'error' | 'warn' = 'error'): Outage {
  const causes = new Set<string>()
  let isUp = false
  return {
    get cause() {
      return [...causes].at(-1)
    },
    begin(error) {
      const cause = typeof error === 'string' ? error : describeRedisError(error)
      if (causes.has(cause)) return
      causes.add(cause)
      isUp = false
      log[level](`${server} is not available: ${cause}. Trying again until it is.`)
    },
    end() {
      if (!isUp) log.info(`Connected to ${server}.`)
      isUp = true
      causes.clear()
    },
  }
}

const UNKNOWN_AUTHORITY =
  /self.signed certificate|unable to (verify the first|get (local )?issuer) certificate/i

/** The error's message only: its `command`, and arguments that a server repeats, may contain the password. */
export function describeRedisError(error: NodeJS.ErrnoException): string {
  const text = (error.message || error.code || error.name).replace(/,? with args.*/s, '').replace(/\.$/, '')
  if (UNKNOWN_AUTHORITY.test(text)) {
    return `its certificate comes from an authority that is not trusted here (${text.split(';')[0]}); REDIS_CA should name the file with that authority's certificate`
  }
  if (text.includes('cluster support disabled')) {
    return 'it is not part of a cluster; REDIS_URL should begin with redis:// or rediss://'
  }
  return text
}
