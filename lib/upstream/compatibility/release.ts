import type { SentryLocation } from '../location.ts'
import { requestSentry } from '../request.ts'

/** How long a release is taken for the current one. Sentry may be upgraded while this server runs. */
const TTL_MS = 5 * 60_000

/** After a failure. */
const RETRY_MS = 30_000

const TIMEOUT_MS = 5_000

/** The release of a self-hosted Sentry, such as `25.6.0`. */
export interface ReleaseReader {
  /** The release as it was last read; undefined while it is unknown. Never waits: an old one is read in the background. */
  find(): string | undefined
  /** The release, read now if it is unknown or old; undefined if Sentry does not say. Never rejects. */
  read(): Promise<string | undefined>
}

/** Reads the release where Sentry's own pages do, without a token. At sentry.io there is none. */
export function createReleaseReader(
  sentry: Pick<SentryLocation, 'origin' | 'isCloud' | 'routeTo'>,
): ReleaseReader {
  let release: string | undefined
  let nextReadAt = 0
  let reading: Promise<string | undefined> | undefined

  async function read(): Promise<string | undefined> {
    if (sentry.isCloud || Date.now() < nextReadAt) return release
    reading ??= request().finally(() => {
      reading = undefined
    })
    return reading
  }

  async function request(): Promise<string | undefined> {
    try {
      const { body } = await requestSentry(sentry, '/api/client-config/', { timeoutMs: TIMEOUT_MS })
      release = parseRelease(body) ?? release
      nextReadAt = Date.now() + TTL_MS
    } catch {
      // The tools work without it.
      nextReadAt = Date.now() + RETRY_MS
    }
    return release
  }

  function find(): string | undefined {
    void read()
    return release
  }

  return { find, read }
}

/** The release in the body of `/api/client-config/`; undefined if it has none. Local builds are `26.8.0.dev0`. */
export function parseRelease(body: unknown): string | undefined {
  const { current } = (body as { version?: { current?: unknown } } | null | undefined)?.version ?? {}
  return typeof current === 'string' ? /^\d{2}\.\d{1,2}\.\d{1,3}/.exec(current)?.[0] : undefined
}

/** Whether a release is known and comes before another one. Releases are year, month and patch. */
export function isBefore(release: string | undefined, other: string): boolean {
  if (release === undefined) return false
  return orderRelease(release) < orderRelease(other)
}

function orderRelease(release: string): number {
  const [year = 0, month = 0, patch = 0] = release.split('.').map(Number)
  return (year * 100 + month) * 1000 + patch
}
