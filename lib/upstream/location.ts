export interface SentrySettings {
  /** Host and, where it is not the protocol's own, port. */
  SENTRY_HOST: string
  SENTRY_PROTOCOL: 'https' | 'http'
}

/** Where Sentry is: the one place that knows which URLs are Sentry's. */
export interface SentryLocation {
  /** Scheme, host and port. */
  readonly origin: string
  /** Host and port, as SENTRY_HOST has them. */
  readonly host: string
  readonly protocol: 'https' | 'http'
  /** Whether it is sentry.io, whose organizations live in regions on hosts of their own below sentry.io. */
  readonly isCloud: boolean
  /** Whether a URL is one of Sentry's: only those may be sent a user's token. */
  owns(url: URL): boolean
}

/** The regions of sentry.io, which have hosts below it: those that mcp-core accepts. */
export const REGIONS: readonly string[] = ['us', 'de']

/** The location of the Sentry that the settings name. An organization's own host (`acme.sentry.io`) is sentry.io too. */
export function createSentryLocation({ SENTRY_HOST, SENTRY_PROTOCOL }: SentrySettings): SentryLocation {
  const { origin } = new URL(`${SENTRY_PROTOCOL}://${SENTRY_HOST}`)
  const isCloud = isCloudHost(SENTRY_HOST)
  return {
    origin,
    host: SENTRY_HOST,
    protocol: SENTRY_PROTOCOL,
    isCloud,
    owns: (url) => url.origin === origin || (isCloud && url.protocol === 'https:' && isCloudHost(url.host)),
  }
}

/** What an operator should know who opens this server to every account of sentry.io; undefined in any other case. */
export function describeOpenSignIn({
  SENTRY_HOST,
  ALLOWED_ORGANIZATIONS,
}: Pick<SentrySettings, 'SENTRY_HOST'> & { ALLOWED_ORGANIZATIONS: readonly string[] }): string | undefined {
  if (!isCloudHost(SENTRY_HOST) || ALLOWED_ORGANIZATIONS.length > 0) return undefined
  return 'ALLOWED_ORGANIZATIONS is not set, so everyone with an account at sentry.io can sign in here, and spend the AI key if there is one.'
}

/** mcp-core has the same rule (`isSentryHost`): a host with a port is not sentry.io. */
function isCloudHost(host: string): boolean {
  return host === 'sentry.io' || host.endsWith('.sentry.io')
}
