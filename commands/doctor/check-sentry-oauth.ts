import type { Config } from '../../lib/config/load.ts'
import { createToken } from '../../lib/crypto/hash.ts'
import { createEndpoints } from '../../lib/oauth/endpoints.ts'
import { createSentryOAuth, type SentryOAuth, UpstreamRefusedError } from '../../lib/upstream/oauth.ts'
import { UpstreamUnavailableError } from '../../lib/upstream/request.ts'
import { explainFailure } from './explain-failure.ts'
import { ProbeError, probe } from './probe.ts'
import { createReport, type Finding, type Report } from './report.ts'

export type SentryCheckSettings = Pick<
  Config,
  | 'BASE_URL'
  | 'SENTRY_HOST'
  | 'SENTRY_PROTOCOL'
  | 'SENTRY_CLIENT_ID'
  | 'SENTRY_CLIENT_SECRET'
  | 'SENTRY_SCOPES'
>

const TIMEOUT = 5_000

/**
 * Whether Sentry accepts this server as its OAuth application. Nothing is granted and nobody signs in: the token
 * endpoint is given a made-up code, and the authorization endpoint is asked by nobody who is signed in.
 */
export async function checkSentryOAuth(settings: SentryCheckSettings): Promise<Finding[]> {
  const report = createReport('sentry-oauth')
  const { SENTRY_PROTOCOL: protocol, SENTRY_HOST: host } = settings
  const place: Place = {
    origin: new URL(`${protocol}://${host}`).origin,
    callback: createEndpoints(settings.BASE_URL).callback,
  }
  const oauth = createSentryOAuth(settings, place.callback, TIMEOUT)
  await reportCredentials(oauth, place, report)
  await reportAuthorization(oauth, settings.SENTRY_SCOPES, place, report)
  await reportFeatures(place, report)
  return report.findings
}

interface Place {
  origin: string
  callback: string
}

async function reportCredentials(oauth: SentryOAuth, place: Place, report: Report): Promise<void> {
  try {
    await oauth.exchangeCode(createToken(), createToken())
    report.error('The token endpoint accepts a made-up code.', 'SENTRY_HOST should name a real Sentry.')
  } catch (error) {
    if (error instanceof UpstreamRefusedError) reportRefusal(error.code, place, report)
    else if (error instanceof UpstreamUnavailableError) {
      report.error(
        `The token endpoint cannot be used: ${describeOutage(error)}.`,
        'SENTRY_HOST should be the host that people sign in at, with nothing before it that answers in its place.',
      )
    } else throw error
  }
}

/** What it answered in place of OAuth, or why it did not answer. */
function describeOutage({ cause }: UpstreamUnavailableError): string {
  const isAnswer = cause instanceof Error && cause.name === 'Error' && cause.cause === undefined
  return isAnswer ? cause.message.replace(/\.$/, '') : explainFailure(cause).reason
}

/** RFC 6749 §5.2: the client is judged before the code is. */
function reportRefusal(code: string, place: Place, report: Report): void {
  if (code === 'invalid_grant') {
    report.ok('The token endpoint accepts SENTRY_CLIENT_ID and SENTRY_CLIENT_SECRET.')
    return
  }
  if (code === 'invalid_client' || code === 'unauthorized_client' || code === 'invalid_credentials') {
    report.error(
      `Sentry does not accept SENTRY_CLIENT_ID with SENTRY_CLIENT_SECRET (${code}).`,
      `Copy both from the application at ${nameApplications(place)}; a secret that was lost can be made anew there.`,
    )
    return
  }
  report.warning(`The token endpoint answers a made-up code with ${code}.`, 'See the log of Sentry.')
}

/**
 * Sentry checks the client, the callback URL and the scopes before it looks at who asks, and complains on a page
 * (400, in older releases 200) or with a redirect back.
 */
async function reportAuthorization(
  oauth: SentryOAuth,
  scope: readonly string[],
  place: Place,
  report: Report,
): Promise<void> {
  const url = oauth.createAuthorizationUrl({ state: 'doctor', verifier: createToken(), scope })
  try {
    const { status, text, headers } = await probe(url)
    const parameter = /invalid (?:<em>)?(client_id|redirect_uri)/i.exec(text)?.[1]
    const refusal = URL.parse(headers.get('location') ?? '', url)?.searchParams.get('error')
    if (parameter === 'redirect_uri') {
      report.error(
        `The callback URL ${place.callback} is not registered at Sentry.`,
        `Add exactly this one as an authorized redirect URI at ${nameApplications(place)}.`,
      )
    } else if (parameter === 'client_id') {
      report.error(
        'Sentry knows no active application with SENTRY_CLIENT_ID.',
        `Copy it from ${nameApplications(place)}.`,
      )
    } else if (refusal === 'invalid_scope') {
      report.error(
        `This Sentry does not know all of SENTRY_SCOPES (${scope.join(', ')}).`,
        'Leave out what this release does not have; the tools that need it are then off.',
      )
    } else if (status >= 400) {
      report.error(`The authorization endpoint answers ${status}.`, 'See the log of Sentry.')
    } else {
      report.ok('The authorization endpoint has nothing against the client, its callback URL and its scopes.')
    }
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error
    report.error(`The authorization endpoint gives no answer: ${error.failure.reason}.`, error.failure.advice)
  }
  report.ok(`The callback URL to register at ${nameApplications(place)} is ${place.callback}.`)
}

/** What differs between releases, asked without any credentials. */
async function reportFeatures({ origin }: Place, report: Report): Promise<void> {
  const [metadata, revocation, regions] = await Promise.all([
    ask(`${origin}/.well-known/oauth-authorization-server`),
    ask(`${origin}/oauth/revoke/`, { method: 'POST', body: new URLSearchParams() }),
    ask(`${origin}/api/0/users/me/regions/`),
  ])
  const methods = metadata?.json?.code_challenge_methods_supported
  const pkce = Array.isArray(methods) ? methods.includes('S256') : undefined
  const features = {
    PKCE: pkce,
    'a revocation endpoint': revocation && revocation.status !== 404 && revocation.json !== undefined,
    regions: regions && regions.status !== 404,
  }
  const words = Object.entries(features).map(
    ([name, has]) => `${name}: ${has === undefined ? 'not told' : has ? 'yes' : 'no'}`,
  )
  report.ok(`What this release has: ${words.join('; ')}.`)
}

async function ask(url: string, init?: RequestInit) {
  return probe(url, init).catch(() => undefined)
}

function nameApplications({ origin }: Place): string {
  return `${origin}/settings/account/api/applications/`
}
