import type { Config } from '../../lib/config/load.ts'
import { isLoopbackHost } from '../../lib/model/loopback.ts'
import { createReport, type Finding } from './report.ts'

type ExposureSettings = Pick<Config, 'BASE_URL' | 'TRUST_PROXY' | 'ALLOWED_REDIRECT_URI_PATTERNS'>

/** Whether the settings that depend on who can reach the server fit where BASE_URL says it is. */
export function checkExposure(settings: ExposureSettings): Finding[] {
  const isPublic = !isLoopbackHost(new URL(settings.BASE_URL).hostname)
  return [...checkTrustProxy(settings, isPublic), ...checkRedirectUris(settings, isPublic)]
}

function checkTrustProxy({ TRUST_PROXY }: ExposureSettings, isPublic: boolean): Finding[] {
  const report = createReport('trust-proxy')
  const wide = TRUST_PROXY.filter((range) => /\/[0-7]$/.test(range))
  if (wide.length > 0) {
    report.warning(
      `TRUST_PROXY believes nearly everybody (${wide.join(', ')}): any client can choose the address it is counted by.`,
      'Name the addresses of the proxies in front, such as 10.0.0.0/8.',
    )
  } else if (TRUST_PROXY.length > 0) {
    report.ok(`Forwarding headers are believed from ${TRUST_PROXY.join(', ')}.`)
  } else if (isPublic) {
    report.warning(
      'TRUST_PROXY is not set, so every request seems to come from the proxy in front: rate limits and the log take all users for one.',
      'Name the address of that proxy, or its network, such as 10.0.0.0/8.',
    )
  } else {
    report.ok('No proxy is believed, and none is needed for this machine itself.')
  }
  return report.findings
}

function checkRedirectUris(settings: ExposureSettings, isPublic: boolean): Finding[] {
  const report = createReport('redirect-uris')
  const patterns = settings.ALLOWED_REDIRECT_URI_PATTERNS
  if (isPublic && patterns.includes('*')) {
    report.warning(
      'ALLOWED_REDIRECT_URI_PATTERNS is *: any web site may register as a client and ask your users for consent.',
      'Name the clients you expect, such as http://localhost:*,http://127.0.0.1:*,https://claude.ai/*; docs/settings.md lists more.',
    )
  } else {
    report.ok(`Clients may send users back to ${patterns.join(', ')}.`)
  }
  return report.findings
}
