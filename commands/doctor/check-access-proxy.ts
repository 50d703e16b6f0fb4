import { X509Certificate } from 'node:crypto'
import type { Config } from '../../lib/config/load.ts'
import type { SentryLocation } from '../../lib/upstream/location.ts'
import { findForeignBody } from '../../lib/upstream/request.ts'
import { type ProbeResponse, probe, reportExpiry } from './probe.ts'
import { createReport, type Finding, type Problem, type Report } from './report.ts'

/** Access proxies by the hosts of their sign-in pages, and what a program sends them. */
const ACCESS_PROXIES: readonly [hosts: RegExp, name: string, headers: string][] = [
  [
    /\.cloudflareaccess\.com$/,
    'Cloudflare Access',
    'CF-Access-Client-Id: …; CF-Access-Client-Secret: … (a service token, which a policy of the application has to include)',
  ],
  [
    /^accounts\.google\.com$/,
    'Google IAP',
    'Proxy-Authorization: Bearer … (an ID token, which ends after an hour)',
  ],
]

/** Reports how Sentry is reached where that is special: addresses and names of headers, but no values. */
export async function reportAccess(settings: Config, sentry: SentryLocation): Promise<Finding[]> {
  const report = createReport('sentry')
  const { SENTRY_PUBLIC_URL, SENTRY_CUSTOM_HEADERS, SENTRY_CLIENT_CERT } = settings
  if (SENTRY_PUBLIC_URL !== undefined) {
    const { origin } = sentry.routeTo(new URL(sentry.origin)).url
    report.ok(`Browsers reach Sentry at ${SENTRY_PUBLIC_URL}, and this server at ${origin}.`)
    await reportPublicAddress(SENTRY_PUBLIC_URL, report)
  }
  if (SENTRY_CUSTOM_HEADERS !== undefined) {
    report.ok(`Requests to Sentry have the headers ${Object.keys(SENTRY_CUSTOM_HEADERS).join(', ')}.`)
  }
  if (SENTRY_CLIENT_CERT !== undefined) {
    const { validToDate } = new X509Certificate(SENTRY_CLIENT_CERT)
    reportExpiry('The certificate of SENTRY_CLIENT_CERT', validToDate.getTime(), report)
  }
  return report.findings
}

/** This machine may have no way to that address, and an access proxy may ask browsers there to sign in. */
async function reportPublicAddress(publicUrl: string, report: Report): Promise<void> {
  const { response, failure } = await probe(`${publicUrl}/api/client-config/`)
  const name = `SENTRY_PUBLIC_URL (${publicUrl})`
  if (response === undefined) {
    report.skipped(`${name} cannot be reached from here: ${failure.reason}. Check it in a browser.`)
  } else if (response.json?.version !== undefined) report.ok(`Sentry responds at ${name}.`)
  else {
    const { status, redirect } = response
    const what = redirect === undefined ? `a response with ${status}` : `a redirect to ${redirect.origin}`
    report.skipped(`${name} has ${what} for programs. Check in a browser that Sentry is there.`)
  }
}

interface Approach {
  /** Where the request was sent. */
  origin: string
  settings: Config
  sentry: SentryLocation
}

/** Why a response is not that of a Sentry that works: what stands in front of it responded, or it has a problem. */
export function explainObstacle(response: ProbeResponse, approach: Approach): Problem | undefined {
  const { status, redirect, headers, text } = response
  const { origin, sentry } = approach
  if (redirect !== undefined && redirect.origin !== origin) {
    return redirect.origin === sentry.origin
      ? [
          `${origin} redirects to ${redirect.origin}, the public address.`,
          'Sentry, or a proxy in front of it, insists on that address. If it only wants https, tell it that browsers have it: SENTRY_CUSTOM_HEADERS=X-Forwarded-Proto: https. Otherwise remove SENTRY_PUBLIC_URL and set SENTRY_HOST to that address.',
        ]
      : explainRedirect(redirect, approach)
  }
  if (status >= 500) return [`${origin} responds with ${status}.`, 'Check the health and the log of Sentry.']
  if (/client.{1,20}certificate|SSL certificate (was|error)/i.test(text) && status === 400) {
    return [
      `What is in front of Sentry at ${origin} wants a client certificate, or another one (${status}).`,
      'Set SENTRY_CLIENT_CERT and SENTRY_CLIENT_KEY to one that it accepts.',
    ]
  }
  if (findForeignBody(response, text) !== undefined || [401, 403, 407].includes(status)) {
    return [
      `Not Sentry responds at ${origin}, but something in front of it, such as an access proxy (${status}, ${headers.get('content-type') ?? 'no content type'}).`,
      adviseHeaders(
        approach,
        'what it wants of programs, such as CF-Access-Client-Id: …; CF-Access-Client-Secret: … for Cloudflare Access',
      ),
    ]
  }
  return undefined
}

function explainRedirect(redirect: URL, approach: Approach): Problem {
  const known = ACCESS_PROXIES.find(([hosts]) => hosts.test(redirect.hostname))
  if (known !== undefined) {
    const [, name, wanted] = known
    return [
      `Not Sentry responds at ${approach.origin}, but ${name}, which wants a sign-in at ${redirect.host}.`,
      adviseHeaders(approach, wanted),
    ]
  }
  return [
    `${approach.origin} redirects to ${redirect.origin}.`,
    `If that is your Sentry, set SENTRY_HOST=${redirect.host} and SENTRY_PROTOCOL=${redirect.protocol.slice(0, -1)}. If it is the sign-in page of an access proxy in front of Sentry: ${adviseHeaders(approach, 'what it wants of programs')}`,
  ]
}

function adviseHeaders({ settings: { SENTRY_CUSTOM_HEADERS } }: Approach, wanted: string): string {
  return SENTRY_CUSTOM_HEADERS === undefined
    ? `Set SENTRY_CUSTOM_HEADERS to ${wanted}.`
    : `It does not accept the headers ${Object.keys(SENTRY_CUSTOM_HEADERS).join(', ')} of SENTRY_CUSTOM_HEADERS: check that the values are complete and have not expired, and that a policy there includes them. It wants ${wanted}.`
}
