import { getCACertificates } from 'node:tls'
import type { OutgoingProxySettings } from '../../lib/net/outgoing-proxy.ts'
import { createReport, type Finding } from './report.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** How requests leave this machine: through which proxy, and which certificates are believed. */
export function checkOutgoing(settings: OutgoingProxySettings, env: Environment): Finding[] {
  const report = createReport('outgoing')
  const { HTTPS_PROXY, HTTP_PROXY, NO_PROXY } = settings
  const proxies = Object.entries({ HTTPS_PROXY, HTTP_PROXY }).flatMap(([name, url]) =>
    url === undefined ? [] : [`${name} (${new URL(url).host})`],
  )
  if (proxies.length === 0) report.ok('Requests leave without a proxy.')
  else {
    const except = NO_PROXY.length === 0 ? '' : `, but for ${NO_PROXY.join(', ')}`
    report.ok(`Requests leave through ${proxies.join(' and ')}${except}.`)
  }

  const file = env.NODE_EXTRA_CA_CERTS
  if (file) {
    const count = getCACertificates('extra').length
    if (count > 0) report.ok(`NODE_EXTRA_CA_CERTS adds ${count} certificate authorities to those Node knows.`)
    else {
      report.error(
        `Node read no certificate from NODE_EXTRA_CA_CERTS (${file}).`,
        'It should name a PEM file that this process may read, in the environment itself: Node reads it before any .env.',
      )
    }
  }
  if (env.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    report.error(
      'NODE_TLS_REJECT_UNAUTHORIZED=0 lets anybody on the way read and change what goes to Sentry.',
      'Remove it, and name your certificate authority in NODE_EXTRA_CA_CERTS.',
    )
  }
  return report.findings
}
