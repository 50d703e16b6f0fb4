import { getCACertificates } from 'node:tls'
import type { Config } from '../../lib/config/load.ts'
import { parseRedisAddress } from '../../lib/config/redis-address.ts'
import { isLoopbackHost } from '../../lib/model/loopback.ts'
import { describeOpenSignIn } from '../../lib/upstream/location.ts'
import { createReport, type Finding } from './report.ts'

const NEW_KEY = 'Generate one with: openssl rand -base64 32'

/** Text of examples and templates in place of a key. */
const PLACEHOLDER =
  /change.?me|replace.?me|example|placeholder|password|secret.?key|your.?key|12345678|abcdefgh/i

/** A key that only repeats a part of itself, or has eight repetitions in a row. */
const REPETITION = /^(.+?)\1+$|(.+?)\2{7}/

/** Finds keys that can be guessed, and a key that serves two purposes. Loading the settings checks their length. */
export function checkKeys(settings: Pick<Config, 'ENCRYPTION_KEY' | 'JWT_SIGNING_KEY'>): Finding[] {
  const report = createReport('keys')
  for (const name of ['ENCRYPTION_KEY', 'JWT_SIGNING_KEY'] as const) {
    const keys = settings[name]
    for (const [index, key] of keys.entries()) {
      const which = keys.length === 1 ? name : `${name}, key ${index + 1} of ${keys.length},`
      if (PLACEHOLDER.test(key))
        report.error(`${which} can be guessed: it looks like a placeholder.`, NEW_KEY)
      else if (REPETITION.test(key)) report.error(`${which} can be guessed: it repeats itself.`, NEW_KEY)
    }
  }
  if (settings.ENCRYPTION_KEY.some((key) => settings.JWT_SIGNING_KEY.includes(key))) {
    report.warning(
      'ENCRYPTION_KEY and JWT_SIGNING_KEY share a key: a leak of one is a leak of both.',
      `Use a separate key for each. ${NEW_KEY}`,
    )
  }
  if (report.findings.length === 0) report.ok('ENCRYPTION_KEY and JWT_SIGNING_KEY look random and differ.')
  return report.findings
}

/** Checks the way out: the proxies, and the certificate authorities that Node trusts. */
export function checkOutgoing(
  { HTTPS_PROXY, HTTP_PROXY, NO_PROXY }: Config,
  env: Readonly<Record<string, string | undefined>>,
): Finding[] {
  const report = createReport('outgoing')
  const proxies = Object.entries({ HTTPS_PROXY, HTTP_PROXY }).flatMap(([name, url]) =>
    url === undefined ? [] : [`${name} (${new URL(url).host})`],
  )
  const except = NO_PROXY.length === 0 ? '' : `, except to ${NO_PROXY.join(', ')}`
  if (proxies.length === 0) report.ok('Requests are sent without a proxy.')
  else report.ok(`Requests are sent through ${proxies.join(' and ')}${except}.`)

  const { NODE_EXTRA_CA_CERTS: file } = env
  if (file) {
    const count = getCACertificates('extra').length
    if (count > 0) report.ok(`NODE_EXTRA_CA_CERTS (${file}) adds ${count} trusted certificates.`)
    else {
      report.error(
        `Node read no certificate from NODE_EXTRA_CA_CERTS (${file}).`,
        'Set it to a PEM file that this process can read, in the environment itself: Node reads it before any .env.',
      )
    }
  }
  if (env.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    report.error(
      'NODE_TLS_REJECT_UNAUTHORIZED=0 turns off the verification of certificates: traffic to Sentry can be read and changed on the way.',
      'Remove it, and set NODE_EXTRA_CA_CERTS to the certificate of your authority.',
    )
  }
  return report.findings
}

/** Checks the settings whose safe values depend on whether BASE_URL is public. */
export function checkExposure(settings: Config): Finding[] {
  const isPublic = !isLoopbackHost(new URL(settings.BASE_URL).hostname)
  return [
    ...checkTrustProxy(settings, isPublic),
    ...checkRedirectUris(settings, isPublic),
    ...checkOrganizations(settings),
    ...(isPublic ? [] : checkLoopback(settings)),
  ]
}

function isLocal({ host }: { host: string }): boolean {
  return isLoopbackHost(host) || host === '::1'
}

/**
 * Cookies know no ports (RFC 6265 §8.5), so over http on loopback every program that serves a page on this machine can
 * set ours: safe for one developer, not for a server that others use.
 */
function checkLoopback({ BASE_URL, STORE, REDIS_URL, TRUST_PROXY }: Config): Finding[] {
  const report = createReport('loopback')
  const signs = [
    ...(TRUST_PROXY.length > 0 ? ['TRUST_PROXY is set'] : []),
    ...(STORE === 'redis' && !parseRedisAddress(REDIS_URL).hosts.every(isLocal)
      ? ['REDIS_URL is another machine']
      : []),
  ]
  const isShared = BASE_URL.startsWith('http:') && signs.length > 0
  report.okIf(
    !isShared,
    isShared
      ? `BASE_URL is http on this machine, which trusts every port of it, and this looks like more than a developer's server: ${signs.join(', ')}.`
      : 'BASE_URL is on this machine, for its own user.',
    'Give the server a host name with TLS, and set BASE_URL to it. SECURITY.md says what loopback trusts.',
  )
  return report.findings
}

function checkTrustProxy({ TRUST_PROXY }: Config, isPublic: boolean): Finding[] {
  const report = createReport('trust-proxy')
  const wide = TRUST_PROXY.filter((range) => /\/[0-7]$/.test(range))
  if (wide.length > 0) {
    report.warning(
      `TRUST_PROXY trusts nearly every address (${wide.join(', ')}): clients can forge the address that rate limits count.`,
      'Set it to the addresses of the proxies in front, such as 10.0.0.0/8.',
    )
  } else if (TRUST_PROXY.length > 0) {
    report.ok(`Forwarding headers from ${TRUST_PROXY.join(', ')} are trusted.`)
  } else if (isPublic) {
    report.warning(
      'TRUST_PROXY is not set: behind a proxy, all requests have its address in the log, and all users share one rate limit.',
      'Set it to the address of that proxy, or its network, such as 10.0.0.0/8.',
    )
  } else {
    report.ok('TRUST_PROXY is not set; a BASE_URL on this machine does not need it.')
  }
  return report.findings
}

function checkOrganizations(settings: Config): Finding[] {
  const report = createReport('organizations')
  const { ALLOWED_ORGANIZATIONS: allowed, SENTRY_HOST } = settings
  const openSignIn = describeOpenSignIn(settings)
  const who =
    allowed.length > 0 ? `members of ${allowed.join(', ')}` : `everyone with an account at ${SENTRY_HOST}`
  report.okIf(
    openSignIn === undefined,
    openSignIn ?? `This server is for ${who}.`,
    'Set it to the slugs of your organizations, separated by commas.',
  )
  return report.findings
}

function checkRedirectUris(
  { ALLOWED_REDIRECT_URI_PATTERNS: patterns }: Config,
  isPublic: boolean,
): Finding[] {
  const report = createReport('redirect-uris')
  const isOpen = isPublic && patterns.includes('*')
  report.okIf(
    !isOpen,
    `ALLOWED_REDIRECT_URI_PATTERNS is ${patterns.join(',')}${isOpen ? ': any web site can register as a client and ask your users for consent' : ''}.`,
    'List the clients you expect, such as http://localhost:*,http://127.0.0.1:*,https://claude.ai/*; docs/settings.md lists more.',
  )
  return report.findings
}
