import type { Config } from '../../lib/config/load.ts'
import { createToken } from '../../lib/crypto/hash.ts'
import { createEndpoints } from '../../lib/oauth/endpoints.ts'
import { checkApplication } from '../../lib/upstream/application.ts'
import { parseRelease } from '../../lib/upstream/compatibility/release.ts'
import { createSentryLocation, type SentryLocation } from '../../lib/upstream/location.ts'
import { createSentryOAuth, type SentryOAuth } from '../../lib/upstream/oauth.ts'
import type { UpstreamUnavailableError } from '../../lib/upstream/request.ts'
import { explainObstacle, reportAccess } from './check-access-proxy.ts'
import { reportRelease } from './check-release.ts'
import {
  explainFailure,
  PROBE_TIMEOUT_MS,
  type ProbeResponse,
  probeSentry,
  reportCertificate,
} from './probe.ts'
import { createReport, type Finding, type Problem, type Report } from './report.ts'

/** How much two clocks may differ. */
const MAX_SKEW_MS = 30_000

/** Checks that Sentry can be reached and is healthy, its clock, and our OAuth application there. */
export async function checkSentry(settings: Config): Promise<Finding[]> {
  const report = createReport('sentry')
  const sentry = createSentryLocation(settings)
  const [access, response] = await Promise.all([
    reportAccess(settings, sentry),
    reach(settings, sentry, report),
  ])
  if (response === undefined) {
    const finding = 'This check needs a Sentry that responds.'
    const skipped = ['clock', 'sentry-oauth'].map((check): Finding => ({ check, status: 'skipped', finding }))
    return [...access, ...report.findings, ...skipped]
  }
  const release = sentry.isCloud ? undefined : parseRelease(response.json)
  if (release !== undefined) reportRelease(release, report)
  const { SENTRY_CLIENT_CERT: cert, SENTRY_CLIENT_KEY: key } = settings
  await reportCertificate(sentry.routeTo(new URL(sentry.origin)).url.href, report, { cert, key })
  return [
    ...access,
    ...report.findings,
    ...checkClock(response),
    ...(await checkSentryOAuth(settings, sentry)),
  ]
}

/** The response of Sentry; undefined after an error was reported. */
async function reach(
  settings: Config,
  sentry: SentryLocation,
  report: Report,
): Promise<ProbeResponse | undefined> {
  // Sentry's own pages read this before sign-in.
  const page = new URL('/api/client-config/', sentry.origin)
  const { origin } = sentry.routeTo(page).url
  const { response, failure } = await probeSentry(sentry, page)
  if (response === undefined) {
    report.error(`${origin} cannot be reached: ${failure.reason}.`, failure.advice)
    return undefined
  }
  const problem = explainObstacle(response, { origin, settings, sentry })
  if (problem !== undefined) {
    report.error(...problem)
    return undefined
  }
  report.ok(`${describeRelease(response)} responds at ${origin}.`)
  return response
}

function describeRelease({ json }: ProbeResponse): string {
  const version = (json?.version as { current?: unknown } | undefined)?.current
  const isVersion = typeof version === 'string' && /^[\w.+-]{1,40}$/.test(version)
  return isVersion ? `Sentry ${version}` : 'A server that does not report a version'
}

function checkClock({ headers, at }: ProbeResponse): Finding[] {
  const report = createReport('clock')
  const skew = at - Date.parse(headers.get('date') ?? '')
  const seconds = Math.round(Math.abs(skew) / 1000)
  if (Number.isNaN(skew)) report.skipped('The response of Sentry has no Date header.')
  else {
    report.okIf(
      Math.abs(skew) <= MAX_SKEW_MS,
      `The clock of this machine is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} Sentry's.`,
      'Synchronize it by NTP, on every machine that runs an instance: the expiry of tokens depends on it.',
    )
  }
  return report.findings
}

/** What the findings name. */
interface Application {
  /** The page of Sentry where applications are registered. */
  page: string
  callback: string
  scope: readonly string[]
}

/**
 * Checks the OAuth application at Sentry without a sign-in: the token endpoint gets an invalid code, the authorization
 * endpoint a request without a session. No grant is created.
 */
async function checkSentryOAuth(settings: Config, sentry: SentryLocation): Promise<Finding[]> {
  const report = createReport('sentry-oauth')
  const { callback } = createEndpoints(settings.BASE_URL)
  const page = `${sentry.origin}/settings/account/api/applications/`
  const application = { page, callback, scope: settings.SENTRY_SCOPES }
  const oauth = createSentryOAuth(settings, {
    sentry,
    redirectUri: callback,
    timeoutMs: PROBE_TIMEOUT_MS,
  })
  await reportCredentials(oauth, application, report)
  await reportAuthorization(oauth, sentry, application, report)
  report.ok(`The callback URL to register at ${page} is ${callback}.`)
  report.ok(`This release supports ${await describeFeatures(sentry)}.`)
  return report.findings
}

async function reportCredentials(oauth: SentryOAuth, { page }: Application, report: Report): Promise<void> {
  const check = await checkApplication(oauth)
  switch (check.outcome) {
    case 'accepted':
      return report.ok('The token endpoint accepts SENTRY_CLIENT_ID and SENTRY_CLIENT_SECRET.')
    case 'refused':
      return report.error(
        `Sentry does not accept SENTRY_CLIENT_ID with SENTRY_CLIENT_SECRET (${check.code}).`,
        `Copy both from the application at ${page}; a lost secret can be replaced there.`,
      )
    case 'unavailable':
      return report.error(
        `The token endpoint cannot be used: ${describeOutage(check.error)}.`,
        'Set SENTRY_HOST to the host where users sign in, and let this server through any sign-in page in front of it (SENTRY_CUSTOM_HEADERS).',
      )
    case 'unexpected':
      if (check.code === undefined)
        return report.error(
          'The token endpoint accepts an invalid code.',
          'Set SENTRY_HOST to a real Sentry.',
        )
      return report.warning(
        `The token endpoint refuses an invalid code with ${check.code}.`,
        'Check the log of Sentry.',
      )
  }
}

/** The response in place of OAuth, or the reason why there was none. */
function describeOutage({ cause }: UpstreamUnavailableError): string {
  const isResponse = cause instanceof Error && cause.name === 'Error' && cause.cause === undefined
  return isResponse ? cause.message.replace(/\.$/, '') : explainFailure(cause).reason
}

/**
 * Sentry checks client, callback URL and scopes before the session. It refuses with a page (400, in older releases
 * 200) or with a redirect to the callback.
 */
async function reportAuthorization(
  oauth: SentryOAuth,
  sentry: SentryLocation,
  application: Application,
  report: Report,
): Promise<void> {
  const { scope } = application
  const url = oauth.createAuthorizationUrl({ state: 'doctor', verifier: createToken(), scope })
  const { response, failure } = await probeSentry(sentry, new URL(url))
  if (response === undefined) {
    report.error(`The authorization endpoint cannot be reached: ${failure.reason}.`, failure.advice)
    return
  }
  const parameter = /invalid (?:<em>)?(client_id|redirect_uri)/i.exec(response.text)?.[1]?.toLowerCase()
  const problem = explainRefusal(parameter ?? response.redirect?.searchParams.get('error'), application)
  if (problem !== undefined) report.error(...problem)
  else if (response.status >= 400)
    report.error(`The authorization endpoint responds with ${response.status}.`, 'Check the log of Sentry.')
  else report.ok('The authorization endpoint accepts the client, its callback URL and its scopes.')
}

function explainRefusal(
  refusal: string | null | undefined,
  { callback, page, scope }: Application,
): Problem | undefined {
  const problems: Record<string, Problem> = {
    redirect_uri: [
      `The callback URL ${callback} is not registered at Sentry.`,
      `Add exactly this URL as an authorized redirect URI at ${page}.`,
    ],
    client_id: ['Sentry has no active application with SENTRY_CLIENT_ID.', `Copy it from ${page}.`],
    invalid_scope: [
      `Sentry does not know all of SENTRY_SCOPES (${scope.join(', ')}).`,
      'Remove the scopes that this release lacks; the tools that need them are then disabled.',
    ],
  }
  return Object.entries(problems).find(([name]) => name === refusal)?.[1]
}

/** What differs between releases, as Sentry reports it without credentials. */
async function describeFeatures(sentry: SentryLocation): Promise<string> {
  const at = (path: string, init?: Parameters<typeof probeSentry>[2]) =>
    probeSentry(sentry, new URL(path, sentry.origin), init)
  const results = await Promise.all([
    at('/.well-known/oauth-authorization-server'),
    at('/oauth/revoke/', { method: 'POST', body: new URLSearchParams() }),
    at('/api/0/users/me/regions/'),
  ])
  const [metadata, revocation, regions] = results.map(({ response }) => response)
  const methods = metadata?.json?.code_challenge_methods_supported
  const features = {
    PKCE: Array.isArray(methods) ? methods.includes('S256') : undefined,
    'a revocation endpoint': revocation && revocation.status !== 404 && revocation.json !== undefined,
    regions: regions && regions.status !== 404,
  }
  return Object.entries(features)
    .map(([name, has]) => `${name}: ${has === undefined ? 'unknown' : has ? 'yes' : 'no'}`)
    .join('; ')
}
