import { type Test, test } from 'tap'
import { checkSentryTools } from '../../../commands/doctor/check-sentry-tools.ts'
import { loadConfig } from '../../../lib/config/load.ts'
import { type SandboxOptions, startSentry } from '../../sandbox/sentry/server.ts'
import { createSettings, list } from '../../support/doctor.ts'

async function check(t: Test, options: SandboxOptions, prepare?: (sentry: Sandbox) => void) {
  const sentry = await startSentry(options)
  t.teardown(() => sentry.close())
  prepare?.(sentry)
  const { accessToken } = sentry.issueTokens()
  const findings = await checkSentryTools(loadConfig(createSettings(sentry)), accessToken)
  return { sentry, accessToken, findings }
}

type Sandbox = Awaited<ReturnType<typeof startSentry>>

test('every reading tool is tried at an old Sentry, with what it asked', async (t) => {
  const { findings } = await check(t, { release: '24.8.0' })
  t.same(list(findings, 'error'), [])
  const ok = list(findings, 'ok').join('\n')
  t.match(ok, 'whoami works: GET /auth/ 200.')
  t.match(
    ok,
    /get_trace_details works by a detour \(.*trace by transaction.*GET \/organizations\/\{\}\/events-trace\/\{\}\/ 200/,
  )
  t.match(ok, /search_events \(errors\) works by a detour \(search without validation\)/)
  t.match(ok, /get_alert_rule \(issue\) works by a detour .*GET \/projects\/\{\}\/\{\}\/rules\/\{\}\/ 200/)
  t.match(
    list(findings, 'warning').join('\n'),
    'This Sentry (24.8.0) does not store logs for search; it came with 25.9.0',
  )
  t.match(list(findings, 'skipped').join('\n'), 'get_snapshot')
})

test('at a current Sentry the tools need no detour', async (t) => {
  const { findings } = await check(t, { release: '26.8.0' })
  t.same(list(findings, 'error'), [])
  t.same(list(findings, 'warning'), [])
  t.notMatch(list(findings, 'ok').join('\n'), 'by a detour')
})

test('the findings have fields that a response lacks, but no data, so they fit a bug report', async (t) => {
  const { sentry, accessToken, findings } = await check(t, { release: '26.8.0' }, (sentry) =>
    sentry.fail('/api/0/organizations/tidewater-books/teams/', {
      kind: 'status',
      status: 200,
      body: [{ id: '1', secret: 'Harbour' }],
    }),
  )
  t.match(
    list(findings, 'error')[0],
    /find_teams fails \(sentry_unreadable\).*Missing fields: \[\]\.slug, \[\]\.name\./,
  )
  const text = JSON.stringify(findings)
  const [organization] = sentry.data.organizations
  const data = [
    'Harbour',
    'tidewater',
    'storefront',
    'checkout',
    'mara',
    accessToken,
    organization?.spans[0]?.traceId,
  ]
  for (const value of data) t.notMatch(text.toLowerCase(), String(value).toLowerCase())
})

test('without a token the check says which to create', async (t) => {
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const findings = await checkSentryTools(loadConfig(createSettings(sentry)), undefined)
  t.match(list(findings, 'error')[0], /needs a token .* set SENTRY_AUTH_TOKEN\.$/)
  const refused = await checkSentryTools(loadConfig(createSettings(sentry)), 'wrong')
  t.match(list(refused, 'error')[0], 'Sentry shows no organization to this token.')
})
