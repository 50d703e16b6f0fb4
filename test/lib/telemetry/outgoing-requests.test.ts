import { test } from 'tap'
import { findTarget } from '../../../lib/telemetry/outgoing-requests.ts'
import { createSentryLocation } from '../../../lib/upstream/location.ts'

/** The target of a request outside of a tool call. */
function find(host: string, url: string) {
  const sentry = createSentryLocation({ SENTRY_HOST: host, SENTRY_PROTOCOL: 'https' })
  return findTarget(new URL(url), { sentry, isToolCall: () => false })
}

test('requests to regions count as Sentry’s for sentry.io and for a subdomain of it', async (t) => {
  for (const host of ['sentry.io', 'acme.sentry.io']) {
    for (const region of ['us.sentry.io', 'de.sentry.io', 'sentry.io', 'acme.sentry.io']) {
      t.equal(find(host, `https://${region}/api/0/organizations/`), 'api', `${region} of ${host}`)
    }
    t.equal(find(host, 'https://sentry.io/oauth/token/'), 'oauth_token')
    t.equal(find(host, 'https://sentry.io/oauth/revoke/'), 'oauth_revoke')
  }
})

test('requests to other hosts and paths are not Sentry’s', async (t) => {
  for (const [host, url] of [
    ['sentry.io', 'http://sentry.io/api/0/'],
    ['sentry.io', 'https://sentry.io:8443/api/0/'],
    ['sentry.io', 'https://sentry.io.example.com/api/0/'],
    ['sentry.io', 'https://notsentry.io/api/0/'],
    ['sentry.io', 'https://o1.ingest.sentry.io/api/1/envelope/'],
    ['sentry.example.com', 'https://sentry.io/api/0/'],
    ['sentry.example.com', 'https://eu.sentry.example.com/api/0/'],
  ] as const)
    t.equal(find(host, url), undefined, `${url} for ${host}`)
  t.equal(find('sentry.example.com', 'https://sentry.example.com/api/0/'), 'api')
})

test('requests to other services count only inside a tool call', async (t) => {
  const sentry = createSentryLocation({ SENTRY_HOST: 'sentry.io', SENTRY_PROTOCOL: 'https' })
  const url = new URL('https://api.openai.com/v1/responses')
  t.equal(findTarget(url, { sentry, isToolCall: () => true }), 'other')
  t.equal(findTarget(url, { sentry, isToolCall: () => false }), undefined)
})
