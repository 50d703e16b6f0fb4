import type { Dispatcher } from 'undici'
import { isCloudHost } from '../model/cloud-host.ts'
import { createCertifiedDispatcher, type OutgoingProxySettings } from '../net/outgoing-proxy.ts'

export interface SentrySettings extends Partial<OutgoingProxySettings> {
  /** Host and, where it is not the protocol's own, port. */
  SENTRY_HOST: string
  SENTRY_PROTOCOL: 'https' | 'http'
  /** The origin of Sentry in a browser, where it is another one. */
  SENTRY_PUBLIC_URL?: string | undefined
  /** For an access proxy in front of Sentry; names in lower case. */
  SENTRY_CUSTOM_HEADERS?: Readonly<Record<string, string>> | undefined
  /** PEM, for mutual TLS with what is in front of Sentry; the key belongs to it. */
  SENTRY_CLIENT_CERT?: string | undefined
  SENTRY_CLIENT_KEY?: string | undefined
}

/**
 * Where Sentry is, and how this server reaches it: the one place that knows which URLs are Sentry's. Tools, links and
 * browsers have Sentry's public address; requests are sent to the address of SENTRY_HOST, which may be an internal one.
 */
export interface SentryLocation {
  /** Scheme, host and port in a browser. */
  readonly origin: string
  /** Host and port in a browser. */
  readonly host: string
  /** In a browser. */
  readonly protocol: 'https' | 'http'
  /** Whether it is sentry.io, whose organizations live in regions on hosts of their own below sentry.io. */
  readonly isCloud: boolean
  /** Whether a URL is one of Sentry's, by either address: only those may be sent a user's token. */
  owns(url: URL): boolean
  /** How a request to one of Sentry's URLs is sent. Throws `TypeError` for a URL that is not Sentry's. */
  routeTo(url: URL): SentryRoute
  /** A URL in terms of Sentry's public address, such as the target of a redirect; others stay as they are. */
  publish(url: URL): URL
}

/** The way of a request to Sentry. */
export interface SentryRoute {
  /** Where this server sends the request to. */
  readonly url: URL
  /** What it carries besides its own headers. They are secret, and for Sentry's access proxy alone. */
  readonly headers: Readonly<Record<string, string>>
  /** What sends it; undefined for the dispatcher of the process, which knows the outbound proxy. */
  readonly dispatcher: Dispatcher | undefined
}

/** The regions of sentry.io, which have hosts below it: those that mcp-core accepts. */
export const REGIONS: readonly string[] = ['us', 'de']

/** The location of the Sentry that the settings name. An organization's own host (`acme.sentry.io`) is sentry.io too. */
export function createSentryLocation(settings: SentrySettings): SentryLocation {
  const { SENTRY_HOST, SENTRY_PROTOCOL, SENTRY_PUBLIC_URL, SENTRY_CUSTOM_HEADERS: headers = {} } = settings
  const internal = new URL(`${SENTRY_PROTOCOL}://${SENTRY_HOST}`).origin
  const origin = SENTRY_PUBLIC_URL ?? internal
  const isCloud = isCloudHost(SENTRY_HOST)
  let dispatcher: Dispatcher | undefined

  function owns(url: URL): boolean {
    if (url.origin === origin || url.origin === internal) return true
    return isCloud && url.protocol === 'https:' && isCloudHost(url.host)
  }

  function routeTo(url: URL): SentryRoute {
    if (!owns(url)) throw new TypeError(`${url.host} is not Sentry.`)
    dispatcher ??= openDispatcher(settings)
    return { url: move(url, origin, internal), headers, dispatcher }
  }

  return {
    origin,
    host: SENTRY_PUBLIC_URL === undefined ? SENTRY_HOST : new URL(origin).host,
    protocol: origin.startsWith('https:') ? 'https' : 'http',
    isCloud,
    owns,
    routeTo,
    publish: (url) => move(url, internal, origin),
  }
}

/** The same URL at another origin, if it is at `from`. */
function move(url: URL, from: string, to: string): URL {
  if (url.origin !== from || from === to) return url
  return new URL(`${to}${url.pathname}${url.search}${url.hash}`)
}

function openDispatcher(settings: SentrySettings): Dispatcher | undefined {
  const { SENTRY_CLIENT_CERT: cert, SENTRY_CLIENT_KEY: key } = settings
  if (cert === undefined || key === undefined) return undefined
  const { HTTPS_PROXY, HTTP_PROXY, NO_PROXY = [] } = settings
  return createCertifiedDispatcher({ cert, key }, { HTTPS_PROXY, HTTP_PROXY, NO_PROXY })
}

/** What an operator should know who opens this server to every account of sentry.io; undefined in any other case. */
export function describeOpenSignIn({
  SENTRY_HOST,
  ALLOWED_ORGANIZATIONS,
}: Pick<SentrySettings, 'SENTRY_HOST'> & { ALLOWED_ORGANIZATIONS: readonly string[] }): string | undefined {
  if (!isCloudHost(SENTRY_HOST) || ALLOWED_ORGANIZATIONS.length > 0) return undefined
  return 'ALLOWED_ORGANIZATIONS is not set, so everyone with an account at sentry.io can sign in here, and spend the AI key if there is one.'
}
