import type { FastifyBaseLogger } from 'fastify'

export type RedisLog = Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>

/** What is known of one server: whether it answers, and if not, why. */
export interface Outage {
  /** Why it cannot be used, without a secret; undefined while it can. */
  readonly cause: string | undefined
  /** A string is the cause in words already. */
  begin(error: Error | string): void
  end(): void
}

/**
 * Tells of a server's outages: one line for each cause and one for the end, not one for every attempt. `server`
 * completes "… is not available" and "Connected to …"; `level` says how bad it is to be without it.
 */
export function createOutage(server: string, log: RedisLog, level: 'error' | 'warn' = 'error'): Outage {
  const causes = new Set<string>()
  let isKnownToBeUp = false
  return {
    get cause() {
      return [...causes].at(-1)
    },
    begin(error) {
      const cause = typeof error === 'string' ? error : describeRedisError(error)
      if (causes.has(cause)) return
      causes.add(cause)
      isKnownToBeUp = false
      log[level](`${server} is not available: ${cause}. Trying again until it is.`)
    },
    end() {
      if (!isKnownToBeUp) log.info(`Connected to ${server}.`)
      isKnownToBeUp = true
      causes.clear()
    },
  }
}

const UNKNOWN_AUTHORITY =
  /self.signed certificate|unable to (verify the first|get (local )?issuer) certificate/i

/** Only the words of the error: its `command` may hold the password, and so may the arguments a server repeats. */
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
